# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A training with drop path and augmentation that takes a second."""

import copy
import itertools
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS

REPO = Path(__file__).resolve().parents[2]
TRAIN, TEST = 12, 3
_numbers = itertools.count()


def draw_cub(root: Path) -> Path:
    """Coloured noise in the layout of CUB, two classes."""
    rng = np.random.default_rng(0)
    names = [f'{1 + i % 2:03d}.c/{i:02d}.png' for i in range(TRAIN + TEST)]
    for i, name in enumerate(names):
        path = root / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 256, (24, 28, 3), dtype=np.uint8)
        image[..., i % 2] //= 4
        cv2.imwrite(str(path), image)
    ids = range(1, len(names) + 1)
    files = dict(
        images=[f'{i} {n}' for i, n in zip(ids, names, strict=True)],
        image_class_labels=[f'{i} {1 + (i - 1) % 2}' for i in ids],
        train_test_split=[f'{i} {int(i <= TRAIN)}' for i in ids],
        bounding_boxes=[f'{i} 4.0 5.0 12.0 10.0' for i in ids],
        classes=['1 001.a', '2 002.b'],
    )
    for name, lines in files.items():
        (root / f'{name}.txt').write_text('\n'.join(lines) + '\n')
    return root


def tiny_config(data: Path, work_dir: Path, **options) -> Config:
    """Config of three epochs of three iterations; options with dots."""
    cfg = Config.fromfile(REPO / 'configs/scm_deit-t-p8_tiny-cub-64px.py')
    for loader in ('train_dataloader', 'val_dataloader'):
        cfg[loader].update(num_workers=0, persistent_workers=False)
        cfg[loader].collate_fn = dict(type='default_collate')
        cfg[loader].dataset.data_root = str(data)
        cfg[loader].batch_size = 4
        for step in cfg[loader].dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (20, 20) if 'train' in loader else (16, 16)
            if step.type == 'RandomCrop':
                step.crop_size = 16
    cfg.merge_from_dict(
        {
            'model.backbone.arch': dict(
                _delete_=True,
                embed_dims=16,
                num_layers=2,
                num_heads=2,
                feedforward_channels=32,
            ),
            'model.backbone.img_size': 16,
            'model.backbone.patch_size': 4,
            'model.backbone.drop_path_rate': 0.1,
            'model.backbone.drop_rate': 0.1,
            'model.head.in_channels': 16,
            'model.head.num_classes': 2,
            'data_preprocessor.num_classes': 2,
            'train_cfg': dict(
                _delete_=True, by_epoch=True, max_epochs=3, val_interval=1
            ),
            'val_evaluator': dict(_delete_=True, type='Accuracy', topk=(1,)),
            'default_hooks.checkpoint.max_keep_ckpts': -1,
            'default_hooks.visualization.enable': False,
            'work_dir': str(work_dir),
            'log_level': 'ERROR',
            'experiment_name': f'tiny_{next(_numbers)}',
        }
    )
    for key in ('test_dataloader', 'test_cfg', 'test_evaluator'):
        cfg.pop(key)
    cfg.merge_from_dict(copy.deepcopy(options))  # it takes _delete_ out
    return cfg


def iteration_options(sampler: str, max_iters: int = 8) -> dict:
    """Options of a training by iteration, with a checkpoint every other."""
    return {
        'train_cfg': dict(
            _delete_=True, by_epoch=False, max_iters=max_iters, val_interval=4
        ),
        'param_scheduler': [
            dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=5)
        ],
        'train_dataloader.sampler': dict(type=sampler, shuffle=True),
        'default_hooks.checkpoint.by_epoch': False,
        'default_hooks.checkpoint.interval': 2,
    }


class Interrupted(Exception):
    """What ends a training that is interrupted."""


class InterruptHook(Hook):
    """Ends a training before an iteration."""

    priority = 'VERY_LOW'

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def before_train_iter(self, runner, *args, **kwargs) -> None:
        if runner.iter == self.iteration:
            raise Interrupted


def train(cfg: Config, *hooks: Hook):
    """Train; the runner."""
    with quick():
        runner = RUNNERS.build(cfg)
        for hook in hooks:
            runner.register_hook(hook)
        runner.train()
    return runner


@contextmanager
def quick():
    """Without the beautiful configs and the survey of the machine.

    They take four fifths of such a short training.
    """
    with (
        mock.patch(
            'yapf.yapflib.yapf_api.FormatCode',
            lambda text, **_: (text, True),
        ),
        mock.patch('mmengine.runner.runner.collect_env', dict),
    ):
        yield


def read_state(path: Path) -> dict:
    """Weights, optimizer and schedulers of a checkpoint."""
    checkpoint = torch.load(path, weights_only=False)
    return {
        key: checkpoint[key]
        for key in ('state_dict', 'optimizer', 'param_schedulers')
    }


def assert_same(found, expected, where: str = 'state') -> None:
    """Equal to the last bit, tensors and all."""
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected), where
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            assert_same(found[key], value, f'{where}[{key!r}]')
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), where
        for i, value in enumerate(expected):
            assert_same(found[i], value, f'{where}[{i}]')
    else:
        assert found == expected, where
