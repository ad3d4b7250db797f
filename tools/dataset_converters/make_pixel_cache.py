# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Decode and resize the images of a config once, for all trainings.

Example::

    python tools/dataset_converters/make_pixel_cache.py \
        configs/scm_deit-s_cub.py --out data/pixel_cache/cub
    python tools/train.py configs/scm_deit-s_cub.py \
        --cfg-options pixel_cache=data/pixel_cache/cub

The pixels are those of the pipelines of the config, to the last bit: what
begins the pipeline of each dataset, up to ``Resize``, is run and kept.
Augmentations are not. One folder is for one data set: images are found in it
by their path below ``data_root``.

An image takes width x height x 3 bytes: 1.2 GB for the training set of CUB at
256x256 and 0.9 GB for its test set at 224x224, 252 GB and 7.5 GB for those of
ImageNet-1K. Run it again after an interruption, or when images were added:
what is there stays. ``--check`` compares all that is there with its digests,
which reads it once, and makes damaged parts again.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _options import add_config_options
from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config of a training')
    parser.add_argument(
        '--out', required=True, help='folder of the caches of its data set'
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=os.cpu_count() or 1,
        help='threads that decode; defaults to the number of cores',
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='compare with the digests first, and make again what differs',
    )
    add_config_options(parser)
    args = parser.parse_args()
    if args.workers < 1:
        parser.error(f'--workers: expected at least 1, got {args.workers}')
    return args


def make_cache(name: str, config: dict[str, Any], args: Any) -> None:
    """Make what one dataset lacks.

    Args:
        name: Of the dataset, for messages.
        config: Its config.
        args: The command line.
    """
    from mmpretrain.registry import DATASETS
    from rich.progress import Progress

    from projects.scm.datasets.pixel_cache import PixelCache, image_keys
    from projects.scm.datasets.transforms import (
        LoadCachedImage,
        find_pixel_steps,
    )

    dataset = DATASETS.build({**config, 'pixel_cache': None})
    steps = find_pixel_steps(dataset.pipeline.transforms)
    cache = PixelCache(args.out, steps.settings)
    paths = dataset.image_paths()
    keys = image_keys(paths, dataset.data_root)
    with Progress() as progress:
        if args.check:
            task = progress.add_task(f'Checking {cache.folder}', total=None)
            removed = cache.check(lambda n: progress.advance(task, n))
            for line in removed:
                progress.console.print(f'removed: {line}')
        count = len(cache.lacks(keys))
        task = progress.add_task(f'Making {name}', total=count)
        cache.add(
            paths,
            keys,
            steps.make,
            workers=args.workers,
            progress=lambda n: progress.advance(task, n),
        )
    LoadCachedImage(cache.open(), steps, dataset.data_root).check(paths)
    print(
        f'{name}: {len(paths)} images, {count} of them new, in {cache.folder}'
    )


def main() -> None:
    """Run the tool."""
    make_importable()
    args = parse_args()
    import projects.scm.register  # noqa: F401, I001
    from mmengine.registry import init_default_scope
    from projects.scm.utils.config_options import (
        localization_datasets,
        read_config,
    )

    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    done: list[Any] = []
    for name, config in localization_datasets(cfg):
        if config not in done:  # validation is the test, as a rule
            make_cache(name, config, args)
            done.append(config)
    if not done:
        raise ValueError(
            f'{args.config}: no dataset of this config can have a pixel cache'
        )


if __name__ == '__main__':
    run(main)
