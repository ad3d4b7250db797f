# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Latency of prediction with score maps against a plain classifier's.

``predict`` of mmpretrain's VisionTransformer with its own head (class scores
alone) beside those of TS-CAM, SCM and scm_plus with score maps, and with boxes
too::

    python tools/benchmarks/inference.py --batch-size 1 8 --out latency.json

Boxes are found on the CPU, one image after the other.
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
    parser = arguments.parser_of_steps(__doc__, batch_size=1)
    arguments.add_model_arguments(parser)
    return parser.parse_args()


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

make_importable()

import measuring  # noqa: E402
import models  # noqa: E402
import reporting  # noqa: E402
import torch  # noqa: E402

#: Contestant -> model, and whether the samples say where boxes belong.
CONTESTANTS = {
    models.STOCK: (models.STOCK, True),
    'TS-CAM, maps': (models.TSCAM, False),
    'SCM, maps': (models.SCM, False),
    'SCM, maps and boxes': (models.SCM, True),
    'SCM plus, maps': (models.PLUS, False),
}


def make_step(
    name: str,
    case: dict[str, int],
    device: str,
    dtype: str = 'fp32',
    arch: str = 'deit-small',
    compiled: bool = False,
) -> measuring.Step:
    """What is timed, and run in a process of its own for its memory."""
    model_name, with_frame = CONTESTANTS[name]
    size, classes = case['img_size'], case['classes']
    model = models.build_model(model_name, classes, size, arch).to(device)
    model.eval()
    images, samples = models.make_batch(
        case['batch_size'], classes, size, device, with_frame
    )
    extract = torch.compile(model.extract_feat) if compiled else None

    @torch.inference_mode()
    def step() -> None:
        with models.autocast(device, dtype):
            feats = (extract or model.extract_feat)(images)
            model.head.predict(feats, [s.clone() for s in samples])

    return step


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure all cases."""
    return reporting.measure_steps(
        *(args, make_step, list(CONTESTANTS), models.STOCK),
        quantities=models.QUANTITIES,
        arch=args.arch,
        dtype=args.dtype,
        compiled=args.compile,
    )


def main() -> None:
    """Run the benchmark."""
    reporting.report_steps(
        'inference', parse_args(), measure, models.STOCK, 'ms a batch'
    )


if __name__ == '__main__':
    main()
