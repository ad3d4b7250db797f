# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Time, memory and accuracy of the calibration against its literal form.

The forward and backward pass of the calibration is measured on maps as a
head makes them, beside the formulas done with dense matrices and autograd.
The first value of every list is the base case; every other value is measured
with the base of the others::

    python tools/benchmarks/calibration.py --classes 200 1000 --grid 14 24 \
        --threads 1 2 --accuracy --out calibration.json --plot docs/images
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import arguments
from _repo_path import make_importable


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments.parser_of_steps(__doc__, batch_size=16)
    arguments.add_numbers(parser, '--grid', 14, 'patches along a side ')
    parser.add_argument(
        '--accuracy',
        action='store_true',
        help='fp32 gradients against fp64, in the base case',
    )
    parser.add_argument(
        '--seeds', type=int, default=8, help='of --accuracy (default: 8)'
    )
    return parser.parse_args()


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

make_importable()

import measuring  # noqa: E402
import reporting  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor  # noqa: E402

from projects.scm.models.calibration import (  # noqa: E402
    OFFICIAL_ITERATIONS,
    SpatialCalibration,
    min_max,
)

FAST, DENSE = 'this project', 'literal'
MAPS = ('noise', 'smooth', 'near constant')
GRADIENTS = ('semantic', 'attention', 'lambda_', 'beta')


def make_maps(
    case: dict[str, int], kind: str, seed: int
) -> tuple[Tensor, Tensor]:
    """A semantic map (B, C, h, w) and an attention map (B, h, w) in [0, 1].

    Args:
        case (dict): ``batch_size``, ``classes``, ``grid``.
        kind (str): ``'noise'`` is independent at every position, ``'smooth'``
            is like what a trained head gives, ``'near constant'`` like a
            model that has just been initialised.
        seed (int): Of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    batch, classes, grid = case['batch_size'], case['classes'], case['grid']
    size = (grid, grid)
    semantic = noise(batch, classes, *size)
    if kind == 'smooth':
        coarse = noise(batch, classes, 4, 4)
        semantic = F.interpolate(coarse, size, mode='bicubic') + semantic / 10
    elif kind == 'near constant':
        semantic = noise(batch, classes, 1, 1) + semantic / 1000
    coarse = noise(batch, 1, 5, 5)
    attention = F.interpolate(coarse, size, mode='bicubic').squeeze(1)
    return semantic, min_max(attention.exp())


def run(
    name: str, maps: tuple[Tensor, Tensor], module: SpatialCalibration
) -> list[Tensor]:
    """Forward and backward pass; gradients in the order of ``GRADIENTS``."""
    semantic, attention = (part.requires_grad_() for part in maps)
    balances = [block.lambda_ for block in module.blocks]
    thresholds = [block.beta for block in module.blocks]
    if name == FAST:
        calibrated, _ = module(semantic, attention)
    else:
        calibrated, _ = measuring.load_oracle().dense_calibration(
            semantic, attention, OFFICIAL_ITERATIONS, balances, thresholds
        )
    logits = calibrated.mean((2, 3))
    labels = torch.arange(len(logits), device=logits.device)
    loss = F.cross_entropy(logits, labels % logits.size(1))
    grads = torch.autograd.grad(
        loss, [semantic, attention, *balances, *thresholds]
    )
    middle = 2 + len(balances)
    return [*grads[:2], torch.cat(grads[2:middle]), torch.cat(grads[middle:])]


def make_step(name: str, case: dict[str, int], device: str) -> measuring.Step:
    """What is timed."""
    maps = tuple(part.to(device) for part in make_maps(case, 'smooth', 0))
    module = SpatialCalibration().to(device)
    return lambda: run(name, maps, module)


def measure_accuracy(
    case: dict[str, int], seeds: int, device: str
) -> list[dict[str, Any]]:
    """Distance of fp32 gradients from those of this project in fp64.

    The literal form in fp64 is compared as well: the two agree, up to where
    it breaks down.

    Returns:
        list[dict]: A row for every kind of maps, gradient and contestant:
        median and maximum over seeds of |g − g64| / |g64| (Euclidean), and
        of how many seeds the gradient was not finite.
    """
    rows = []
    contestants = {
        FAST: (FAST, torch.float32),
        DENSE: (DENSE, torch.float32),
        f'{DENSE}, fp64': (DENSE, torch.float64),
    }

    def gradients(
        method: str, dtype: torch.dtype, kind: str, seed: int
    ) -> list[Tensor]:
        maps = [part.to(device, dtype) for part in make_maps(case, kind, seed)]
        return run(method, maps, SpatialCalibration().to(device, dtype))

    for kind in MAPS:
        errors: dict[tuple[str, str], list[float]] = {}
        for seed in range(seeds):
            exact = gradients(FAST, torch.float64, kind, seed)
            for label, (method, dtype) in contestants.items():
                found = gradients(method, dtype, kind, seed)
                for name, a, b in zip(GRADIENTS, found, exact, strict=True):
                    error = ((a - b).norm() / b.norm()).item()
                    errors.setdefault((name, label), []).append(error)
        for (name, label), values in errors.items():
            every = torch.tensor(values)
            finite = every[every.isfinite()]
            row = dict(maps=kind, gradient=name, name=label)
            if len(finite):
                row.update(
                    median=finite.median().item(), maximum=finite.max().item()
                )
            rows.append(dict(row, not_finite=len(every) - len(finite)))
    return rows


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure all cases."""
    quantities = ('batch_size', 'classes', 'grid')
    record = reporting.measure_steps(
        args, make_step, (FAST, DENSE), FAST, quantities
    )
    if args.accuracy:
        torch.set_num_threads(args.threads[0])
        base = record['cases'][0]['case']
        record['accuracy'] = measure_accuracy(base, args.seeds, args.device)
    return record


def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    record = reporting.report_steps(
        *('calibration', args, measure, FAST, 'ms, forward + backward'),
        log=True,
    )
    if 'accuracy' in record:
        reporting.print_table(record['accuracy'])


if __name__ == '__main__':
    main()
