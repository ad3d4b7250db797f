# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Which map finds the object: attention, semantic map, or their product.

Of each checkpoint, on test images with boxes::

    python tools/analysis_tools/map_statistics.py CONFIG \
        work_dirs/RUN/epoch_1.pth work_dirs/RUN/epoch_4.pth --images 300
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
        description='Accuracy, entropy and share inside the object of '
        'attention, semantic map and score map, each by itself.'
    )
    parser.add_argument('config', help='of the model')
    parser.add_argument(
        'checkpoints', nargs='+', help='of one training, for instance'
    )
    parser.add_argument(
        '--images',
        type=int,
        help='how many test images, evenly spread; by default all',
    )
    parser.add_argument('--out', help='JSON file, by checkpoint')
    parser.add_argument(
        '--drawing',
        metavar='FILE',
        help='picture of the maps of a few images, a row a checkpoint',
    )
    parser.add_argument(
        '--drawn', type=int, default=3, help='images in it (default: 3)'
    )
    add_config_options(parser)
    return parser.parse_args()


def main() -> None:
    """Print a table, and write the file."""
    args = parse_args()
    make_importable()
    import projects.scm.register  # noqa: F401
    from projects.scm.apis.map_statistics import describe_maps, read_maps
    from projects.scm.utils import write_json
    from projects.scm.utils.config_options import read_config
    from projects.scm.visualization.map_sheet import draw_maps
    from projects.scm.visualization.writing import write_picture

    cfg = read_config(args.config, args.cfg_options)
    found, rows = {}, {}
    print('| checkpoint | map | GT-known | τ | mean IoU | entropy | inside |')
    print('|' + ' --- |' * 7)
    for checkpoint in map(Path, args.checkpoints):
        images = read_maps(cfg, checkpoint, args.images)
        found[checkpoint.name] = describe_maps(images)
        rows[checkpoint.stem] = spread(images, args.drawn)
        for name, row in found[checkpoint.name].items():
            print(
                f'| {checkpoint.stem} | {name} | {row["gt_known"]:.1f} '
                f'| {row["threshold"]:.2f} | {row["mean_iou"]:.3f} '
                f'| {row["entropy"]:.3f} | {row["inside"]:.3f} |'
            )
    if args.out:
        write_json(args.out, found)
    if args.drawing:
        write_picture(args.drawing, draw_maps(rows))


def spread(items: list, count: int) -> list:
    """``count`` of the items, from the middles of as many equal parts."""
    count = min(count, len(items))
    return [
        items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)
    ]


if __name__ == '__main__':
    run(main)
