# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""tools/visualization/: pictures of models and of datasets."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.apis import get_model
from PIL import Image

from projects.scm.visualization import GT_COLOR, PRED_COLOR

CONFIG = """
default_scope = 'mmpretrain'
custom_imports = dict(
    imports=['projects.scm.register'], allow_failed_imports=False
)
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='TSCAMViT', img_size=32, patch_size=8,
        arch=dict(embed_dims=16, num_layers=3, num_heads=2,
                  feedforward_channels=32)),
    head=dict(type='{head}', in_channels=16, num_classes=2))
data_preprocessor = dict(
    num_classes=2, mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True)
pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow'),
    dict(type='LoadAnnotations', with_bbox=True, with_label=False),
    dict(type='Resize', scale=(32, 32), backend='pillow'),
    dict(type='PackWSOLInputs')]
test_dataloader = dict(
    dataset=dict(
        type='CUBLocalization', data_root='cub', split='test',
        pipeline=pipeline))
"""
TABLES = {
    'images.txt': '{i} {folder}/{i}.png',
    'image_class_labels.txt': '{i} {label}',
    'train_test_split.txt': '{i} 0',
    'bounding_boxes.txt': '{i} 10.0 20.0 30.0 20.0',
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Two configs with checkpoints, and a CUB folder of six pictures."""
    folder = tmp_path_factory.mktemp('visualization')
    for name in ('SCMHead', 'TSCAMHead'):
        (folder / f'{name}.py').write_text(CONFIG.format(head=name))
        model = get_model(Config.fromfile(folder / f'{name}.py'))
        torch.save({'state_dict': model.state_dict()}, folder / f'{name}.pth')
    root = folder / 'cub'
    rows = [
        {'i': i, 'label': 1 + i % 2, 'folder': f'00{1 + i % 2}.bird'}
        for i in range(1, 7)
    ]
    for row in rows:
        path = root / 'images' / row['folder'] / f'{row["i"]}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (80, 60), (40 * row['i'], 0, 0)).save(path)
    for name, line in TABLES.items():
        text = ''.join(line.format(**row) + '\n' for row in rows)
        (root / name).write_text(text)
    (root / 'classes.txt').write_text('1 001.bird\n2 002.fish\n')
    return folder


def run_tool(repo, folder, name, *arguments):
    done = subprocess.run(
        [
            sys.executable,
            str(repo / 'tools' / 'visualization' / name),
            *map(str, arguments),
        ],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_panels_of_two_models(repo, folder):
    out = run_tool(
        repo,
        folder,
        'panels.py',
        next((folder / 'cub').rglob('1.png')),
        *['--model', 'SCMHead.py', 'SCMHead.pth'],
        *['--model', 'TSCAMHead.py', 'TSCAMHead.pth'],
        *['--layers', '--calibration', '--height', 60],
        *['--bbox', 10, 20, 40, 40, '--out', 'out/panels.png'],
    )
    assert 'wrote out/panels.png' in out
    drawn = np.array(Image.open(folder / 'out' / 'panels.png'))
    # rows of 60 pixels: two models, two times layers, two of calibration
    assert 6 * 60 < drawn.shape[0] < 6 * 120
    assert drawn.shape[1] == 6 * (80 + 8) + 8
    for color in (GT_COLOR, PRED_COLOR):
        near = np.abs(drawn.astype(int) - color).sum(2) < 60
        assert near.sum() > 60


def test_browse_draws_samples_over_the_whole_dataset(repo, folder):
    out = run_tool(
        repo,
        folder,
        'browse_dataset.py',
        *['SCMHead.py', '--phase', 'test', '-n', 3, '-o', 'out/browse'],
        *['--cfg-options', 'test_dataloader.dataset.split=test'],
    )
    assert 'wrote 3 of 6 samples to out/browse' in out
    pictures = sorted((folder / 'out' / 'browse').iterdir())
    names = [path.name for path in pictures]
    assert names == ['000000.png', '000002.png', '000005.png']
    drawn = np.array(Image.open(pictures[0]))
    panel = (drawn[8:328] == GT_COLOR).all(2)
    columns = np.flatnonzero(panel.any(0)) - 8
    rows = np.flatnonzero(panel.any(1))
    # the box 10, 20, 40, 40 of 80x60, at a height of 320
    scale = 320 / 60
    assert abs(columns[0] - 10 * scale) <= 3
    assert abs(rows[0] - 20 * scale) <= 3
    assert abs(rows[-1] - 40 * scale) <= 3
