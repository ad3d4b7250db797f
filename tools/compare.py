# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Compare methods on data sets over seeds, with intervals.

Trains and tests what a YAML file lists, one run after the other, and goes on
where it was stopped; a method that names a checkpoint is tested alone::

    python tools/compare.py configs/comparisons/real_photographs.yml \
        --data-root imagewoof=/data/imagewoof cub50=/data/cub50 \
        --weights /data/deit_tiny_patch16_224.pth

Only tables, of the results that are there::

    python tools/compare.py configs/comparisons/real_photographs.yml --tables
"""

import argparse
from pathlib import Path

from _repo_path import make_importable, run

TOOLS = Path(__file__).resolve().parent


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Compare methods on data sets over seeds.'
    )
    parser.add_argument('comparison', type=Path, help='YAML file')
    parser.add_argument(
        '--results',
        type=Path,
        action='append',
        metavar='FOLDER',
        help='folder with a small JSON file for each finished run; by '
        'default results in the work folder. Given again: another one, '
        'whose runs are shown and not done once more',
    )
    parser.add_argument(
        '--baseline',
        metavar='METHOD',
        help='the method that the others are compared with, in place of the '
        "file's",
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        help='folder of trainings, which may be removed when they are '
        'finished; by default work_dirs/compare/<name of the YAML file>',
    )
    parser.add_argument(
        '--data-root',
        nargs='+',
        default=[],
        metavar='SET=FOLDER',
        help='folders of data sets, where they are not those of the configs',
    )
    parser.add_argument(
        '--weights',
        help='file of pretrained weights, in place of what the configs '
        'download',
    )
    parser.add_argument(
        '--checkpoints',
        type=Path,
        default='checkpoints',
        help='folder of the checkpoints of methods that are not trained; '
        'defaults to checkpoints',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='further options of tools/train.py that do not change what is '
        'trained, such as train_dataloader.num_workers',
    )
    parser.add_argument(
        '--processes',
        type=int,
        default=1,
        help='of a training, one a GPU; the batch of the config is divided '
        'among them. Defaults to 1',
    )
    parser.add_argument(
        '--no-label-thresholds',
        action='store_true',
        help='do not choose thresholds on training images by their labels',
    )
    parser.add_argument(
        '--tables',
        action='store_true',
        help='run nothing, tell of the results that are there',
    )
    parser.add_argument(
        '--out',
        type=Path,
        help='write tables (tables.md), curves (curves.svg) and, with the '
        'work folder at hand, a page for each set (<set>.html) here',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run what is missing, and print the tables."""
    args = parse_args(argv)
    make_importable()
    import projects.scm.register  # noqa: F401
    from projects.scm.comparison.command import compare

    print(compare(args, TOOLS))


if __name__ == '__main__':
    run(main)
