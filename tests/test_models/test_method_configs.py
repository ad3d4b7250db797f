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


@pytest.mark.parametrize('name', ['cam_resnet50_cub', 'cam_vgg16-gap_cub'])
def test_cam(repo, name):
    """A sixteenth of the picture's side, and CAM's map of each class."""
    model = MODELS.build(load(repo, name).model).eval()
    with torch.no_grad():
        (found,) = model.predict(torch.randn(1, 3, 64, 64))
        logits = model.head(model.extract_feat(torch.randn(1, 3, 64, 64)))
    assert found.score_maps.shape == (5, 4, 4)
    assert logits.shape == (1, 200)


@pytest.mark.parametrize(
    'name', ['attention_deit-s_cub', 'rollout_deit-s_cub', 'legrad_deit-s_cub']
)
def test_methods_on_one_checkpoint(repo, name):
    """Their weights have the names of those of the attention."""
    names = []
    for each in (name, 'attention_deit-s_cub'):
        cfg = load(repo, each).model
        cfg.backbone.update(
            arch=dict(
                embed_dims=384,
                num_layers=2,
                num_heads=6,
                feedforward_channels=64,
            ),
            init_cfg=None,
        )
        model = MODELS.build(cfg).eval()
        names.append(set(model.state_dict()))
    assert names[0] == names[1]
