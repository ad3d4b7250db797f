# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Conformer: stock weights and outputs; its figures are tested beside it."""

import pytest
import torch
from mmpretrain.models.backbones import Conformer
from mmpretrain.registry import MODELS
from torch import nn

ARCH = dict(embed_dims=32, depths=6, num_heads=2, channel_ratio=0.25)


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    backbone = MODELS.build(
        dict(type='TSCAMConformer', arch=ARCH, mlp_ratio=2)
    )
    for parameter in backbone.parameters():
        if parameter.dim() != 1:
            nn.init.normal_(parameter, std=0.1)
    return backbone.eval()


def test_weights_and_outputs_are_those_of_the_parent(backbone):
    stock = Conformer(ARCH, mlp_ratio=2)
    stock.eval()
    assert stock.state_dict().keys() == backbone.state_dict().keys()
    stock.load_state_dict(backbone.state_dict(), strict=True)
    inputs = torch.randn(2, 3, 64, 96)
    convolution, tokens = backbone(inputs)
    ((expected, cls_token),) = stock(inputs)
    torch.testing.assert_close(convolution, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(tokens.cls_token, cls_token)


def test_sizes_that_are_padded(backbone):
    """mmpretrain pads features up to whole patches."""
    _, tokens = backbone(torch.randn(1, 3, 70, 50))
    assert tokens.patch.shape == (1, 32, 5, 4)
    assert tokens.cls_attention.shape == (1, 6, 5, 4)
    assert tokens.input_hw == (70, 50)


def test_files_of_its_authors(backbone):
    """Their names, with the two classifiers of 1000 classes."""
    official = {
        name.replace('.ln1.', '.norm1.')
        .replace('.ln2.', '.norm2.')
        .replace('.ffn.layers.0.0.', '.mlp.fc1.')
        .replace('.ffn.layers.1.', '.mlp.fc2.'): value
        for name, value in backbone.state_dict().items()
    }
    # The norm of the squeezing blocks is named as ours is.
    official['trans_cls_head.weight'] = torch.zeros(1000, 32)
    official['conv_cls_head.bias'] = torch.zeros(1000)
    other = MODELS.build(dict(type='TSCAMConformer', arch=ARCH, mlp_ratio=2))
    other.load_state_dict({'model': official}, strict=True)
    for name, value in backbone.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


@pytest.mark.parametrize(
    ('option', 'value'),
    [('out_indices', (3, 6)), ('with_cls_token', False), ('norm_eval', True)],
)
def test_options_that_leave_no_attention_maps(option, value):
    with pytest.raises(ValueError, match=f'{option}='):
        MODELS.build(dict(type='TSCAMConformer', arch=ARCH, **{option: value}))
