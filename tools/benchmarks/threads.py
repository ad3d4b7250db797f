# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Training steps with one thread and with several, on a busy machine or not.

A plain encoder of the demonstration's size, with one thread and with
``--threads`` in turns, once as PyTorch's OpenMP waits by default and once with
``OMP_WAIT_POLICY=PASSIVE``, which the tools set where the user sets nothing::

    python tools/benchmarks/threads.py --threads 2
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable

POLICIES = {'as PyTorch does': None, 'PASSIVE': 'PASSIVE'}


def make_step() -> Callable[[], object]:
    """Forward, backward, AdamW: 5 layers of 128, 32 pictures of 64 tokens."""
    import torch

    layer = torch.nn.TransformerEncoderLayer(
        128, 4, 512, dropout=0, batch_first=True, norm_first=True
    )
    model = torch.nn.TransformerEncoder(layer, 5, enable_nested_tensor=False)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    tokens = torch.randn(32, 65, 128)

    def step() -> None:
        optimizer.zero_grad()
        model(tokens).square().mean().backward()
        optimizer.step()

    return step


def measure(name: str, threads: int, repeats: int) -> None:
    """Print a row of the table, measured in this process."""
    import measuring
    import torch

    step = make_step()

    def with_threads(number: int) -> Callable[[], None]:
        def run() -> None:
            torch.set_num_threads(number)
            step()

        return run

    steps = {str(number): with_threads(number) for number in (1, threads)}
    times = measuring.time_in_turns(steps, repeats, 1, 'cpu')
    rows = measuring.summarise(times, '1')
    for number, row in rows.items():
        print(
            f'| {name} | {number} | {row["wall_ms"]:.0f} | '
            f'{row["cpu_ms"]:.0f} | {row["wall_ratio"]:.2f} | '
            f'{row["cpu_ratio"]:.2f} |',
            flush=True,
        )


def main() -> None:
    """Measure each policy in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--repeats', type=int, default=8)
    parser.add_argument('--policy', choices=POLICIES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.policy is not None:
        measure(args.policy, args.threads, args.repeats)
        return
    print(f'load {os.getloadavg()[0]:.1f}')
    print('| waiting | threads | wall, ms | CPU, ms | wall, ratio | CPU |')
    print('|' + ' --- |' * 6, flush=True)
    for name, policy in POLICIES.items():
        env = {k: v for k, v in os.environ.items() if not k.startswith('OMP_')}
        if policy is not None:
            env['OMP_WAIT_POLICY'] = policy
        command = [sys.executable, *sys.argv, '--policy', name]
        subprocess.run(command, env=env, check=True)


if __name__ == '__main__':
    main()
