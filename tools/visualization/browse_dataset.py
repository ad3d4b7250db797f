# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Draw samples of a dataset, with boxes, before and after the pipeline.

Example::

    python tools/visualization/browse_dataset.py configs/scm_deit-s_cub.py \
        --phase test --output-dir browse --number 20

mmpretrain's tool of this name draws no boxes. Boxes after the pipeline are
those that its transforms moved; the training pipelines of this project load
none, because training uses image labels only.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _options import add_config_options
from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Browse a dataset')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--output-dir',
        '-o',
        default='browse',
        help='folder to write pictures to; defaults to browse',
    )
    parser.add_argument(
        '--phase',
        '-p',
        default='train',
        choices=['train', 'val', 'test'],
        help='which dataset; defaults to train',
    )
    parser.add_argument(
        '--number',
        '-n',
        type=int,
        default=20,
        help='samples to draw, spread over the dataset; defaults to 20',
    )
    parser.add_argument(
        '--height', type=int, default=320, help='of a picture, in pixels'
    )
    add_config_options(parser)
    return parser.parse_args()


def main() -> None:
    """Draw and write the samples."""
    make_importable()
    args = parse_args()
    import projects.scm.register  # noqa: F401, I001
    import numpy as np
    from mmengine.registry import init_default_scope
    from mmpretrain.registry import DATASETS
    from projects.scm.utils.config_options import read_config
    from projects.scm.utils.progress import track
    from projects.scm.visualization import (
        sample_panels,
        tile_panels,
        write_picture,
    )

    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    if not cfg.get(f'{args.phase}_dataloader'):
        raise ValueError(
            f'{args.config}: --phase {args.phase}: expected '
            f'{args.phase}_dataloader, found {", ".join(cfg):.200}'
        )
    dataset = DATASETS.build(cfg[f'{args.phase}_dataloader'].dataset)
    if args.number < 1:
        raise ValueError(f'--number: expected at least 1, got {args.number}')
    classes = dataset.metainfo.get('classes')
    count = min(args.number, len(dataset))
    chosen = np.linspace(0, len(dataset) - 1, count).astype(int)
    for index in track(chosen.tolist(), description='Drawing'):
        panels = sample_panels(dataset[index], classes, args.height)
        sheet = tile_panels(panels, height=args.height)
        write_picture(Path(args.output_dir) / f'{index:06d}.png', sheet)
    print(f'wrote {count} of {len(dataset)} samples to {args.output_dir}')


if __name__ == '__main__':
    run(main)
