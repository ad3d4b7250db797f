# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""``scm-wsol train FOLDER``: from class folders of photographs to boxes."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from projects.scm.utils.upstream_scripts import check_file

from .main import PROGRAM, find_tools

#: Pictures shown to a model that starts from pretrained weights, and from
#: random ones; sets with more pictures get :data:`EPOCHS_AT_LEAST`.
PICTURES_SHOWN = {True: 1200, False: 24000}
EPOCHS_AT_LEAST = 12
#: DeiT's of each embedding size.
DEIT = {192: 'deit-t', 384: 'deit-s', 768: 'deit-b'}


class Plan(NamedTuple):
    """How a set is trained on.

    Attributes:
        base: The config that is inherited, without ``.py``.
        epochs: Of training.
        batch_size: Pictures a step.
        learning_rate: Of AdamW at the end of the warm-up.
    """

    base: str
    epochs: int
    batch_size: int
    learning_rate: float


def plan_training(
    num_pictures: int, method: str, embed_dims: int | None
) -> Plan:
    """Choose sizes and schedule for a set.

    Args:
        num_pictures (int): Of the training split.
        method (str): ``'scm'`` or ``'tscam'``.
        embed_dims (int, optional): Of the pretrained DeiT; None trains a
            small model from random weights, at 64 pixels.

    Returns:
        Plan: The choice.

    Raises:
        ValueError: If there is no config of that embedding size.
    """
    pretrained = embed_dims is not None
    shown = PICTURES_SHOWN[pretrained]
    epochs = max(EPOCHS_AT_LEAST, -(-shown // num_pictures))
    if not pretrained:
        base = f'{method}_deit-t-p8_tiny-cub-64px'
        return Plan(base, epochs, min(64, max(8, num_pictures // 8)), 1e-3)
    if embed_dims not in DEIT:
        raise ValueError(
            f'--weights: tokens of {embed_dims} numbers; expected those of '
            f'a DeiT, {", ".join(map(str, DEIT))}'
        )
    # Small sets have few steps; at 16 pictures a step, 5e-5 is CUB's rate.
    batch_size = 8 if num_pictures < 400 else 16
    return Plan(f'{method}_{DEIT[embed_dims]}_cub', epochs, batch_size, 1e-4)


def config_text(
    plan: Plan,
    base: str,
    data_root: str,
    num_classes: int,
    with_boxes: bool,
    weights: str | None,
    seed: int,
    num_pictures: int,
) -> str:
    """The config of a set, as a person would write it.

    Args:
        plan (Plan): Sizes and schedule.
        base (str): Path of the base config, relative to the new one.
        data_root (str): Folder in CUB's layout.
        num_classes (int): Classes.
        with_boxes (bool): Whether the test split has boxes.
        weights (str, optional): File of pretrained weights.
        seed (int): Of everything random.
        num_pictures (int): Of the training split.

    Returns:
        str: Python.
    """
    steps = plan.epochs * -(-num_pictures // plan.batch_size)
    backbone = ''
    if weights is not None:
        backbone = f'backbone=dict(init_cfg=dict(checkpoint={weights!r})), '
    lines = [
        f'# Written by {PROGRAM} train; edit it, and train again with',
        f'# {PROGRAM} train THIS_FILE.',
        f'_base_ = {base!r}',
        '',
        f'data = dict(data_root={data_root!r})',
        f'model = dict({backbone}head=dict(num_classes={num_classes}))',
        f'data_preprocessor = dict(num_classes={num_classes})',
        f'train_dataloader = dict(batch_size={plan.batch_size}, '
        'num_workers=1, dataset=data)',
    ]
    if with_boxes:
        lines.append('val_dataloader = dict(num_workers=1, dataset=data)')
    else:
        lines += [
            '# No boxes: classification alone is measured.',
            'val_dataloader = dict(',
            '    num_workers=1, dataset=dict(data, with_boxes=False))',
        ]
    lines += [
        'test_dataloader = val_dataloader',
        '',
        f'optim_wrapper = dict(optimizer=dict(lr={plan.learning_rate!r}))',
        'param_scheduler = [',
        "    dict(type='WarmUpLR', start_factor=0.01, share=0.1,",
        '         convert_to_iter_based=True),',
        "    dict(type='CosineAnnealingLR', eta_min=1e-6,",
        '         convert_to_iter_based=True),',
        ']',
        f'train_cfg = dict(max_epochs={plan.epochs}, '
        f'val_interval={plan.epochs})',
        f'auto_scale_lr = dict(base_batch_size={plan.batch_size})',
        f'randomness = dict(seed={seed})',
        '# A line of the log every five per cent.',
        'default_hooks = dict(',
        f'    logger=dict(interval={max(1, steps // 20)}))',
    ]
    return '\n'.join(lines) + '\n'


def parse_args(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=f'{PROGRAM} train',
        description='Train on a folder of class folders of photographs, look '
        'at the result, and find boxes in all of them. No box is needed; if '
        'there are some, they are measured with. (With a config instead of a '
        'folder, the arguments are those of tools/train.py.)',
    )
    add = parser.add_argument
    add('folder', help='one folder a class, any depth below')
    add('--out', help='defaults to work_dirs/<name of the folder>')
    add(
        '--weights',
        help='file of pretrained DeiT weights; without it a small model is '
        'trained from random weights, which needs hundreds of pictures a '
        'class',
    )
    add('--method', choices=('scm', 'tscam'), default='scm')
    add('--epochs', type=int, help='by default chosen for the set')
    add('--test-fraction', type=float, default=0.2, help='defaults to 0.2')
    add('--seed', type=int, default=26, help='defaults to 26')
    add('--resume', action='store_true', help='go on with a stopped run')
    boxes = parser.add_mutually_exclusive_group()
    for name, help_text in (
        ('coco', 'boxes in a COCO file'),
        ('voc', 'boxes in a folder of VOC XML files'),
        ('csv', 'boxes in a CSV file'),
    ):
        boxes.add_argument(f'--{name}', help=help_text)
    return parser.parse_args(list(argv))


def main(argv: Sequence[str]) -> None:
    """Run all steps, each as a command that a person could type.

    Args:
        argv (Sequence[str]): See ``scm-wsol train --help``.

    Raises:
        SystemExit: If a step fails.
    """
    args = parse_args(argv)
    folder = Path(args.folder)
    name = folder.resolve().name
    out = Path(args.out or Path('work_dirs', name))
    # Runs are called by their config; its name is one of Python's.
    config = out / f'{re.sub(r"[^0-9A-Za-z_-]+", "_", name)}.py'
    data, work_dir = out / 'data', out / 'training'
    if config.exists() and not args.resume:
        sys.exit(
            f'ERROR: {out} holds a run already; --resume goes on with it, '
            '--out names another folder'
        )
    if not args.resume:
        # What is wrong with the weights is told before pictures are read.
        embed_dims = None
        if args.weights is not None:
            embed_dims = _embed_dims(args.weights)
        boxes = [
            word
            for name in ('coco', 'voc', 'csv')
            if (file := getattr(args, name)) is not None
            for word in (f'--{name}', file)
        ]
        _step(
            *('Split', 'dataset_converters/to_cub_layout.py', folder, data),
            *('--mode', 'symlink', '--test-fraction', args.test_fraction),
            *boxes,
        )
        config.parent.mkdir(parents=True, exist_ok=True)
        text = _make_config(args, config, data, embed_dims)
        config.write_text(text, encoding='utf-8')
    resume = ['--resume'] if args.resume else []
    # Not beside the config: MMEngine would write the whole one over it.
    _step('Train', 'train.py', config, '--work-dir', work_dir, *resume)
    checkpoint = (work_dir / 'last_checkpoint').read_text().strip()
    predictions = out / f'{config.stem}.pkl'
    threshold = out / 'threshold.json'
    # Boxes say which threshold finds them best; without any, labels must.
    test_options, page_options = [], []
    if _has_boxes(data):
        name = f'test_evaluator.threshold_file={threshold}'
        test_options = ['--cfg-options', name]
    else:
        _step(
            *('Threshold', 'analysis_tools/choose_threshold.py'),
            *(config, checkpoint, '--out', threshold),
        )
        page_options = ['--threshold', threshold]
    _step(
        *('Test', 'test.py', config, checkpoint),
        *('--out', predictions, '--work-dir', work_dir, *test_options),
    )
    page = out / 'report.html'
    _step(
        *('Page', 'analysis_tools/report.py', predictions),
        *('--out', page, *page_options),
    )
    found = out / 'boxes'
    _step(
        *('Boxes of all pictures', 'localize.py', folder, '--model', config),
        *('--checkpoint', checkpoint, '--threshold', threshold),
        *('--out', found, '--overwrite', '--format', 'coco', 'csv', 'yolo'),
    )
    sys.stdout.write(
        f'\nLook at {page} and {found / "pictures"}; the boxes are in '
        f'{found}.\nThe model is {config} with {checkpoint}, the threshold '
        f'{threshold}.\n'
    )


def _make_config(
    args: argparse.Namespace, config: Path, data: Path, embed_dims: int | None
) -> str:
    classes = (data / 'classes.txt').read_text(encoding='utf-8').splitlines()
    split = (data / 'train_test_split.txt').read_text().split()
    num_pictures = split[1::2].count('1')
    plan = plan_training(num_pictures, args.method, embed_dims)
    if args.epochs is not None:
        plan = plan._replace(epochs=args.epochs)
    configs = find_tools().parent / 'configs'
    return config_text(
        plan,
        base=os.path.relpath(configs / f'{plan.base}.py', config.parent),
        data_root=str(data),
        num_classes=len(classes),
        with_boxes=_has_boxes(data),
        weights=args.weights,
        seed=args.seed,
        num_pictures=num_pictures,
    )


def _has_boxes(data: Path) -> bool:
    return (data / 'bounding_boxes.txt').is_file()


def _embed_dims(weights: str) -> int:
    """Numbers of a token of a DeiT checkpoint."""
    check_file('checkpoint', weights)
    # Without mmpretrain, which nothing else here needs.
    from projects.scm.utils.checkpoint_door import read_checkpoint
    from projects.scm.utils.weights import find_weights

    found = find_weights(read_checkpoint(weights), weights)
    if 'cls_token' not in found:
        raise ValueError(
            f'{weights}: no cls_token among its {len(found)} weights; '
            'expected those of a DeiT'
        )
    return int(found['cls_token'].shape[-1])


def _step(title: str, tool: str, *arguments: object) -> None:
    """Run a tool; its output goes where ours goes."""
    sys.stdout.write(f'\n== {title} ==\n')
    sys.stdout.flush()
    command = [sys.executable, find_tools() / tool, *arguments]
    done = subprocess.run(list(map(str, command)), check=False)
    if done.returncode:
        sys.exit(f'ERROR: the step "{title}" has failed, see above')
