# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Time and memory of a training step against a plain classifier's.

Forward pass, loss, backward pass and AdamW, on one batch, of mmpretrain's
VisionTransformer with its own head, of TS-CAM and of SCM::

    python tools/benchmarks/train_step.py --batch-size 8 16 --out step.json
    python tools/benchmarks/train_step.py --device cuda --dtype bf16 \
        --compile --batch-size 256

``--literal`` adds SCM with dense calibration and explicit attention, in the
way of the published code.
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
    parser = arguments.parser_of_steps(__doc__, batch_size=8)
    arguments.add_model_arguments(parser)
    parser.add_argument(
        '--with-cp',
        action='store_true',
        help='activation checkpointing in TS-CAM and SCM',
    )
    parser.add_argument(
        '--literal', action='store_true', help='add the literal SCM'
    )
    return parser.parse_args()


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

make_importable()

import measuring  # noqa: E402
import models  # noqa: E402
import reporting  # noqa: E402
import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.logging import MMLogger  # noqa: E402
from mmengine.optim import build_optim_wrapper  # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402


def make_step(
    name: str,
    case: dict[str, int],
    device: str,
    dtype: str = 'fp32',
    arch: str = 'deit-small',
    with_cp: bool = False,
    compiled: bool = False,
) -> measuring.Step:
    """What is timed, and run in a process of its own for its memory."""
    size, classes = case['img_size'], case['classes']
    model = models.build_model(name, classes, size, arch, with_cp).to(device)
    model.train()
    # MMEngine would list the options of every parameter.
    if not MMLogger.check_instance_created('benchmark'):
        MMLogger.get_instance('benchmark', log_level='WARNING')
    schedule = measuring.REPO / 'configs' / '_base_' / 'schedules'
    cfg = Config.fromfile(schedule / 'scm_cub.py').optim_wrapper
    optim_wrapper = build_optim_wrapper(model, cfg)
    images, samples = models.make_batch(
        case['batch_size'], classes, size, device
    )

    def forward() -> torch.Tensor:
        return model(images, samples, mode='loss')['loss']

    if compiled:
        forward = torch.compile(forward)

    def step() -> None:
        with models.autocast(device, dtype):
            loss = forward()
        optim_wrapper.update_params(loss)

    return step


def count_gflop(name: str, case: dict[str, int], arch: str) -> float:
    """Floating-point operations of products in a step, in 1e9.

    Those of the calibration are no products of matrices on a CPU.
    """
    step = make_step(name, {**case, 'batch_size': 1}, 'cpu', arch=arch)
    # The counter knows products, not fused attention on a CPU.
    with (
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        step()
    return round(counter.get_total_flops() * case['batch_size'] / 1e9, 2)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure all cases."""
    names = [models.STOCK, models.TSCAM, models.SCM]
    if args.literal:
        names.append(models.LITERAL)
    record = reporting.measure_steps(
        *(args, make_step, names, models.STOCK),
        quantities=models.QUANTITIES,
        arch=args.arch,
        dtype=args.dtype,
        compiled=args.compile,
        with_cp=args.with_cp,
    )
    for entry in record['cases']:
        for name, result in entry['results'].items():
            result['gflop'] = count_gflop(name, entry['case'], args.arch)
    return record


def main() -> None:
    """Run the benchmark."""
    reporting.report_steps(
        *('train_step', parse_args(), measure, models.STOCK),
        ylabel='ms a training step',
    )


if __name__ == '__main__':
    main()
