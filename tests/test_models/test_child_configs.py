# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Configs of other backbones: short, and what they say."""

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

GRIDS = {
    'scm_conformer-s_cub': (14, 14),
    'scm_dinov2-s_cub': (16, 16),
    'scm_dinov3-s_cub': (14, 14),
    'scm_eva02-t_cub': (16, 16),
    'scm_vit-scm-s_in1k': (14, 14),
}


def load(repo, name):
    return Config.fromfile(repo / f'configs/{name}.py')


@pytest.mark.parametrize('name', GRIDS)
def test_at_most_fifteen_lines(repo, name):
    text = (repo / f'configs/{name}.py').read_text()
    assert len(text.splitlines()) <= 15


@pytest.mark.parametrize('name', GRIDS)
def test_the_model_runs(repo, name):
    """Of the published width; two blocks are enough to see that it fits."""
    cfg = load(repo, name).model
    if cfg.backbone.type == 'TSCAMTimm':
        pytest.importorskip('timm')
        cfg.backbone.depth = 2
    elif cfg.backbone.type == 'TSCAMConformer':
        cfg.backbone.arch = dict(
            embed_dims=384, channel_ratio=4, num_heads=6, depths=3
        )
    model = MODELS.build(cfg)
    model.eval()
    with torch.no_grad():
        feats = model.extract_feat(torch.randn(1, 3, 224, 224))
        logits, semantic, attention = model.head.forward_maps(feats)
    assert attention.shape == (1, *GRIDS[name])
    assert semantic.shape == (1, cfg.head.num_classes, *GRIDS[name])
    assert logits.shape == (1, cfg.head.num_classes)


def test_conformer_has_the_calibration_of_the_official_code(repo):
    head = MODELS.build(load(repo, 'scm_conformer-s_cub').model.head)
    iterations = [block.iterations for block in head.calibration.blocks]
    assert iterations == [4, 4, 4, 4]
    assert head.calibrated_inference


def test_the_official_small_vit(repo):
    """8 layers, 8 heads, 768 channels, 3 times as many in between."""
    cfg = load(repo, 'scm_vit-scm-s_in1k').model.backbone
    backbone = MODELS.build(cfg)
    assert len(backbone.layers) == 8
    assert backbone.layers[0].attn.num_heads == 8
    assert backbone.layers[0].attn.embed_dims == 768
    assert backbone.layers[0].ffn.layers[0][0].out_features == 2304
    assert backbone.ln1.eps == 1e-5
    assert {tap.scale for tap in backbone._taps} == {768**-0.5}
