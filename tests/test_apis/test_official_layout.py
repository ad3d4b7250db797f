# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Names there and back, for every recorded official model."""

import numpy as np
import pytest
import torch

from projects.scm.apis.converting import convert_official
from projects.scm.apis.official_layout import (
    describe_conversion,
    to_official,
)

RECORDED = ['tscam_model', 'scm_model', 'vit_scale_scm', 'conformer_scm']


@pytest.fixture(params=RECORDED)
def official(request, parity_dir):
    figures = np.load(parity_dir / f'{request.param}.npz')
    return {
        key.removeprefix('state.'): torch.tensor(figures[key])
        for key in figures
        if key.startswith('state.')
    }


def test_there_and_back(official):
    ours = convert_official(official, 'official.pth')
    again = to_official(ours, 'ours.pth')
    assert again.keys() == official.keys()
    for name, value in again.items():
        assert torch.equal(value, official[name]), name


def test_every_key_is_accounted_for(official):
    ours = convert_official(official, 'official.pth')
    lines = describe_conversion(official, ours).splitlines()
    assert len(lines) == len(official)
    for line, (name, value) in zip(lines, official.items(), strict=True):
        old, _, new = line.partition(' -> ')
        assert old.strip() == name
        target, _, shape = new.partition(' ')
        assert torch.equal(ours[target], value)
        assert shape == str(tuple(value.shape))
    official['more'] = torch.zeros(2)
    assert describe_conversion(official, ours).endswith('-> (left out)')


def test_a_conformer_with_a_part_missing(parity_dir):
    figures = np.load(parity_dir / 'conformer_scm.npz')
    state = {
        key.removeprefix('state.'): torch.tensor(figures[key])
        for key in figures
        if key.startswith('state.')
    }
    del state['conv_trans_3.trans_block.mlp.fc1.weight']
    with pytest.raises(
        ValueError,
        match=r'a\.pth: .*conv_trans_3\.trans_block\.ffn\.layers\.0\.0',
    ):
        convert_official(state, 'a.pth')


@pytest.mark.parametrize(
    'names',
    [
        ['backbone.pos_embed', 'head.fc.weight'],  # a plain classifier
        ['backbone.pos_embed'],
        ['neck.weight', 'head.semantic.weight'],
        ['backbone.timm_model.blocks.0.ls1.gamma', 'head.semantic.weight']
        + ['backbone.blocks.0.norm1.weight'],
    ],
)
def test_models_that_the_official_codes_do_not_have(names):
    weights = {name: torch.zeros(1) for name in names}
    with pytest.raises(ValueError, match=r'b\.pth: '):
        to_official(weights, 'b.pth')
