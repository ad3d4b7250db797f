# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A small, randomly initialised localizer, and a way to run tools on it."""

import copy
import itertools
import runpy
import sys
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

import projects.scm.register  # noqa: F401

CLASSES = ('ant', 'bee', 'cat', 'dog', 'elk', 'fox', 'gnu')

CONFIG = """
default_scope = 'mmpretrain'
custom_imports = dict(
    imports=['projects.scm.register'], allow_failed_imports=False
)
data_preprocessor = dict(
    num_classes=7,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True)
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='TSCAMViT',
        arch=dict(embed_dims=32, num_layers=2, num_heads=2,
                  feedforward_channels=64),
        img_size=64, patch_size=8),
    head=dict(type='SCMHead', in_channels=32, num_classes=7))
test_pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow',
         color_type='color_ignore_orientation'),
    dict(type='LoadAnnotations', with_bbox=True, with_label=False),
    dict(type='Resize', scale=(64, 64), backend='pillow',
         interpolation='bilinear'),
    dict(type='PackWSOLInputs')]
test_dataloader = dict(
    batch_size=2, num_workers=0,
    dataset=dict(type='CUBLocalization', data_root='data', split='test',
                 pipeline=test_pipeline))
"""


def write_config(folder: Path, text: str = CONFIG) -> Path:
    """The config as a file."""
    file = folder / 'tiny_localizer.py'
    file.write_text(text)
    return file


def build_model(seed: int = 0, **head) -> torch.nn.Module:
    """The model of the config, with weights that make lively maps."""
    torch.manual_seed(seed)
    config = Config.fromstring(CONFIG, '.py')
    config.model.head.update(head)
    model = MODELS.build(
        dict(config.model, data_preprocessor=config.data_preprocessor)
    )
    with torch.no_grad():
        torch.nn.init.trunc_normal_(model.backbone.pos_embed, std=0.02)
        for name, value in model.named_parameters():
            if 'qkv.weight' in name:
                value.mul_(8)
            if name == 'head.semantic.weight':
                value.mul_(10)
    return model.eval()


def write_checkpoint(folder: Path, model: torch.nn.Module) -> Path:
    """A checkpoint as the Runner writes it, as far as it matters."""
    file = folder / 'tiny_localizer.pth'
    meta = {'epoch': 1, 'dataset_meta': {'classes': CLASSES}}
    torch.save({'meta': meta, 'state_dict': model.state_dict()}, file)
    return file


def run_tool(tool: str, *arguments: object) -> None:
    """Run a tool in this process, which has imported everything already."""
    file = Path(__file__).resolve().parents[2] / 'tools' / tool
    argv = [str(file), *map(str, arguments), '--traceback']
    path = [str(file.parent), *sys.path]
    with patch.object(sys, 'argv', argv), patch.object(sys, 'path', path):
        runpy.run_path(str(file), run_name='__main__')


def runner_config(folder: Path, **options: object) -> Config:
    """A config to train and test the tiny localizer on a few pictures.

    Args:
        folder: Gets pictures in ``data``, one of each of two classes.
        **options: As ``--cfg-options`` takes, dots written ``__``.
    """
    generator = np.random.default_rng(0)
    for label in range(2):
        file = folder / 'data' / f'class{label}' / f'{label}.png'
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(
            str(file), generator.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        )
    config = Config.fromstring(CONFIG, '.py')
    loader = dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='CustomDataset',
            data_root=str(folder / 'data'),
            pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
        ),
    )
    evaluator = dict(type='Accuracy', topk=(1,))
    config.merge_from_dict(
        dict(
            work_dir=str(folder / 'work'),
            experiment_name=f'{folder.name}_{next(_NUMBERS)}',
            randomness=dict(seed=0),
            log_level='WARNING',
            train_dataloader=loader,
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1e-3)),
            test_cfg=dict(),
            test_evaluator=evaluator,
            default_hooks=dict(
                checkpoint=dict(type='CheckpointHook', interval=1),
                checkpoint_fit=dict(type='CheckpointFitHook'),
            ),
        )
    )
    config.test_dataloader = copy.deepcopy(loader)
    config.merge_from_dict(
        {key.replace('__', '.'): value for key, value in options.items()}
    )
    return config


_NUMBERS = itertools.count()
