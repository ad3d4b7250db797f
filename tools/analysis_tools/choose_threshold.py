# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Choose the threshold of a trained model by image labels alone.

Looks at some training images, of which nothing but the class is known, and
writes the threshold that does best by a criterion without boxes::

    python tools/analysis_tools/choose_threshold.py CONFIG CHECKPOINT \
        --out labels.json
    python tools/test.py CONFIG CHECKPOINT --cfg-options \
        test_evaluator.threshold.type=labels \
        test_evaluator.threshold.file=labels.json
    python tools/localize.py photo.jpg --model CONFIG \
        --checkpoint CHECKPOINT --threshold labels.json
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _options import add_config_options
from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Choose the threshold of a trained model by training '
        'images and their labels; no boxes are used.'
    )
    parser.add_argument('config', help='of the model')
    parser.add_argument('checkpoint', help='the trained model')
    parser.add_argument(
        '--out',
        default='labels.json',
        help='file of the threshold; defaults to labels.json',
    )
    parser.add_argument(
        '--criterion',
        help='diffusion, components, consistency or classification; by '
        'default what did best (docs/results.md): diffusion for vision '
        'transformers, else consistency',
    )
    parser.add_argument(
        '--images',
        type=int,
        default=200,
        help='how many training images; defaults to 200',
    )
    parser.add_argument('--device', help='by default an accelerator, if any')
    add_config_options(parser)
    return parser.parse_args()


def main() -> None:
    """Choose, write and tell the threshold."""
    args = parse_args()
    make_importable()
    import projects.scm.register  # noqa: F401
    from projects.scm.apis.label_thresholds import choose_threshold
    from projects.scm.evaluation.functional import save_label_threshold
    from projects.scm.utils.config_options import read_config
    from projects.scm.utils.counting import counted

    cfg = read_config(args.config, args.cfg_options)
    chosen = choose_threshold(
        cfg,
        args.checkpoint,
        criterion=args.criterion,
        num_images=args.images,
        device=args.device,
    )
    save_label_threshold(args.out, chosen)
    print(
        f'threshold {chosen["threshold"]:g} by {chosen["criterion"]}, '
        f'{counted(chosen["num_images"], "image")}, '
        f'{chosen["seconds"]:.0f} s; '
        f'wrote {args.out}'
    )


if __name__ == '__main__':
    run(main)
