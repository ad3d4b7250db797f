# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Configs of other methods: what they build, and what it does."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmpretrain.registry import MODELS


def load(repo, name):
    return Config.fromfile(repo / f'configs/{name}.py')


@pytest.mark.parametrize(
    ('name', 'alpha', 'dropout', 'rates'),
    [
        ('trilite_dinov2-s_cub', 100, 0.5, (5e-5, 5e-4)),
        ('trilite_dinov2-s_in1k', 500, 0.25, (5e-6, 2.5e-4)),
    ],
)
def test_trilite(repo, name, alpha, dropout, rates):
    """The paper's numbers; the backbone is frozen; 448 pixels are 32x32."""
    cfg = load(repo, name)
    cfg.model.backbone.arch = dict(
        embed_dims=384,
        num_layers=2,
        num_heads=6,
        feedforward_channels=1536,
    )
    cfg.model.backbone.frozen_stages = 2
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model).eval()
    assert (model.head.alpha, model.head.dropout.p) == (alpha, dropout)
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert trained == {f'head.{n}' for n, _ in model.head.named_parameters()}
    size = cfg.test_dataloader.dataset.pipeline[3].scale
    assert cfg.train_pipeline[3].crop_size == 224
    with torch.no_grad():
        (found,) = model.predict(torch.randn(1, 3, *size))
    assert found.score_maps.shape == (5, 32, 32)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    groups = [
        group
        for group in wrapper.optimizer.param_groups
        if group['params'][0].requires_grad
    ]
    assert sorted({g['lr'] for g in groups}) == pytest.approx(rates)
    assert {group['weight_decay'] for group in groups} == {0.01}
