# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The figures of the page, and its claims that no other test makes."""

import itertools
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from test_docs.pages import REPO, blocks, read_page

from projects.scm.models.calibration import SpatialCalibration, min_max
from projects.scm.models.calibration.grid_operator import (
    GridOperator,
    grid_cosine,
    grid_dense,
    grid_laplacian,
)
from projects.scm.structures import TokenFeatures


def test_the_figures_are_those_of_the_script(tmp_path):
    subprocess.run(
        [
            sys.executable,
            str(REPO / 'tools/visualization/how_scm_works.py'),
            '--out',
            str(tmp_path),
        ],
        check=True,
        capture_output=True,
    )
    names = {path.name for path in tmp_path.iterdir()}
    assert len(names) == 3
    for name in names:
        new, old = (
            cv2.imread(str(folder / name)).astype(float)
            for folder in (tmp_path, REPO / 'docs/images')
        )
        assert new.shape == old.shape
        # Another release of a font or of OpenCV may differ a little.
        assert np.abs(new - old).mean() < 4, name
        assert f'images/{name}' in read_page('docs/how_scm_works.md')


@pytest.mark.parametrize(('side', 'singular'), [(14, False), (7, True)])
def test_eigenvalues_come_in_pairs(side, singular):
    torch.manual_seed(0)
    semantic = torch.randn(1, 8, side, side, dtype=torch.float64)
    parts = zip(
        grid_laplacian(side, side, like=semantic),
        grid_cosine(semantic),
        strict=True,
    )
    operator = GridOperator(*(part * (e - 1) for part, e in parts))
    assert operator.diagonal.abs().max() < 1e-12
    assert (operator.right >= 0).all()
    values = torch.linalg.eigvalsh(grid_dense(operator))[0]
    torch.testing.assert_close(values, -values.flip(0), rtol=0, atol=1e-12)
    assert (values.abs().min() < 1e-12) == singular


def test_the_last_map_is_the_first_times_one_map():
    torch.manual_seed(0)
    semantic, attention = torch.randn(1, 5, 6, 6), torch.rand(1, 6, 6)
    steps = SpatialCalibration().trace(semantic, attention)
    maps = [attention, *(f for _, f in steps)]
    gain = torch.ones_like(attention)
    for before, after in itertools.pairwise(maps):
        gain = gain * (1 + after - before)
    torch.testing.assert_close(steps[-1][0], semantic * gain[:, None])


@pytest.mark.parametrize('block', range(4))
def test_beta_matters_in_the_first_block(block):
    torch.manual_seed(0)
    semantic, attention = torch.randn(1, 200, 14, 14), torch.rand(1, 14, 14)
    changed = SpatialCalibration()
    with torch.no_grad():
        changed.blocks[block].beta.mul_(2)
    new, old = (
        c.trace(semantic, min_max(attention))[block][1]
        for c in (changed, SpatialCalibration())
    )
    difference = (new - old).abs().max()
    assert difference > 0.02 if block == 0 else difference < 0.002


def test_the_attention_gets_a_gradient():
    torch.manual_seed(0)
    attention = torch.rand(1, 6, 6, requires_grad=True)
    semantic, _ = SpatialCalibration()(torch.randn(1, 5, 6, 6), attention)
    semantic.mean().backward()
    assert attention.grad.abs().max() > 0


def test_the_other_reading_builds_and_has_a_loss(tmp_path):
    (block,) = blocks(read_page('docs/how_scm_works.md'), 'python')
    text = block.text.replace("'scm_", f"'{REPO}/configs/scm_")
    (tmp_path / 'config.py').write_text(text)
    cfg = Config.fromfile(tmp_path / 'config.py')
    head = MODELS.build(cfg.model.head)
    assert head.similarity == 'embedding'
    torch.manual_seed(0)
    tokens = TokenFeatures(torch.randn(1, 384, 6, 6), torch.rand(1, 12, 6, 6))
    assert torch.isfinite(head.calibrated_logits((tokens,))).all()
