# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A classification run small enough for the tests of the tools."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

REPO = Path(__file__).resolve().parents[2]

CONFIG = """
default_scope = 'mmpretrain'
randomness = dict(seed=0)
env_cfg = dict(
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=1),
    checkpoint=dict(type='CheckpointHook', interval=1),
    sampler_seed=dict(type='DistSamplerSeedHook'))
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='VisionTransformer', img_size=16, patch_size=8,
        arch=dict(embed_dims=16, num_layers=1, num_heads=2,
                  feedforward_channels=32)),
    head=dict(type='VisionTransformerClsHead', num_classes=2, in_channels=16))
data_preprocessor = dict(
    num_classes=2, mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True)
pipeline = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
train_dataloader = dict(
    batch_size=2, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='CustomDataset', data_root={root!r}, pipeline=pipeline))
val_dataloader = dict(
    batch_size=2, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='CustomDataset', data_root={root!r}, pipeline=pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1,))
test_evaluator = val_evaluator
train_cfg = dict(by_epoch=True, max_epochs=1)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3))
"""


@dataclass
class TinyRun:
    """A config, its folder, and a way to start the tools on it."""

    folder: Path
    config: Path

    def tool(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a tool of the checkout from the folder of this run."""
        program = sys.executable if command[0].endswith('.py') else 'bash'
        tool = str(REPO / 'tools' / command[0])
        # As in a checkout that is not installed, and on a free port.
        env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
        env.update(
            PYTHON=sys.executable,
            PORT=str(free_port()),
            OMP_NUM_THREADS='1',
            CUDA_VISIBLE_DEVICES='',
        )
        done = subprocess.run(
            [program, tool, *command[1:]],
            cwd=self.folder,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        return done


def free_port() -> int:
    """A port that nothing listens to."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


@pytest.fixture(scope='module')
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """Seven pictures of two classes, which two processes cannot share."""
    folder = tmp_path_factory.mktemp('run')
    generator = np.random.default_rng(0)
    for i in range(7):
        file = folder / 'data' / f'class{i % 2}' / f'{i}.png'
        file.parent.mkdir(parents=True, exist_ok=True)
        image = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(file), image)
    config = folder / 'tiny.py'
    config.write_text(CONFIG.format(root=str(folder / 'data')))
    return TinyRun(folder, config)
