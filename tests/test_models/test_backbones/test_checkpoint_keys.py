# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmengine.runner import load_checkpoint
from mmpretrain.registry import MODELS

from projects.scm.models.backbones import (
    convert_official_keys,
    convert_timm_keys,
)


@pytest.fixture
def official_state(parity_dir):
    figures = np.load(parity_dir / 'scm_model.npz')
    return {
        key.removeprefix('state.'): torch.tensor(figures[key]).float()
        for key in figures
        if key.startswith('state.')
    }


@pytest.fixture
def deit_state(official_state):
    """As a file of DeiT: no localisation head, 1000 classes."""
    state = {
        k: v
        for k, v in official_state.items()
        if not k.startswith(('layers.', 'head.'))
    }
    state['head.weight'] = torch.zeros(1000, 32)
    state['head.bias'] = torch.full((1000,), 7.0)
    return state


def backbone(tiny_arch, **options):
    return MODELS.build(dict(type='TSCAMViT', arch=tiny_arch, **options))


@pytest.mark.parametrize('wrapped', [True, False])
def test_a_deit_file_loads_as_it_is(tiny_arch, deit_state, tmp_path, wrapped):
    path = tmp_path / 'deit.pth'
    torch.save({'model': deit_state} if wrapped else deit_state, path)
    model = backbone(
        tiny_arch, init_cfg=dict(type='Pretrained', checkpoint=str(path))
    )
    model.init_weights()
    for name, value in convert_timm_keys(deit_state).items():
        torch.testing.assert_close(model.state_dict()[name], value)


def test_a_deit_file_for_another_input_size(tiny_arch, deit_state, tmp_path):
    path = tmp_path / 'deit.pth'
    torch.save({'model': deit_state}, path)
    model = backbone(tiny_arch, img_size=64)
    load_checkpoint(model, str(path), strict=True)
    assert model.pos_embed.shape == (1, 17, 32)
    torch.testing.assert_close(
        model.pos_embed[:, :1], deit_state['pos_embed'][:, :1]
    )


def test_loading_strictly_reports_what_is_missing(tiny_arch, deit_state):
    del deit_state['blocks.1.attn.qkv.weight']
    with pytest.raises(RuntimeError, match=r'layers\.1\.attn\.qkv\.weight'):
        backbone(tiny_arch).load_state_dict(deit_state, strict=True)


def test_official_checkpoints_fit_the_classifier(
    official_state, build_classifier
):
    parallel = {f'module.{k}': v for k, v in official_state.items()}
    model = build_classifier('SCMHead', img_size=224)
    model.load_state_dict(convert_official_keys(parallel), strict=True)
    torch.testing.assert_close(
        model.head.semantic.weight.data, official_state['head.weight']
    )
    torch.testing.assert_close(
        model.head.calibration.blocks[2].beta.data,
        official_state['layers.2.thred'],
    )


@pytest.mark.parametrize('state', [{}, {'head.weight': torch.zeros(10, 4)}])
def test_other_checkpoints_are_refused(state):
    with pytest.raises(ValueError, match=r'head\.weight'):
        convert_official_keys(state)
