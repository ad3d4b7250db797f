# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Some classes of a classifier of many."""

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

from projects.scm.apis.picking import pick_classes

MODEL = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet', depth=18, stem_channels=8, base_channels=8),
    head=dict(type='CAMHead', in_channels=64, num_classes=5),
)


@pytest.fixture
def files(tmp_path):
    torch.manual_seed(0)
    model = MODELS.build(MODEL).eval()
    config = tmp_path / 'cam.py'
    Config(dict(model=MODEL)).dump(config)
    weights = {
        key.removeprefix('backbone.').replace('head.', ''): value
        for key, value in model.state_dict().items()
    }
    torch.save(weights, tmp_path / 'five.pth')
    return model, weights, config, tmp_path / 'two.pth'


@pytest.mark.parametrize('by_order', [False, True])
def test_the_classes_keep_their_logits(files, by_order):
    model, weights, config, target = files
    source = target.with_name('five.pth')
    if by_order:
        renamed = {
            f'_{name}' if name.startswith('fc.') else f'x{index}': value
            for index, (name, value) in enumerate(weights.items())
        }
        torch.save(renamed, source)
    said = pick_classes(source, target, config, [4, 1], by_order=by_order)
    assert said.endswith('2 classes of 5')
    small = dict(MODEL, head=dict(MODEL['head'], num_classes=2))
    picked = MODELS.build(small).eval()
    state = torch.load(target, weights_only=True)['state_dict']
    picked.load_state_dict(state, strict=True)
    pictures = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = model.head(model.extract_feat(pictures))[:, [4, 1]]
        found = picked.head(picked.extract_feat(pictures))
    torch.testing.assert_close(found, expected)


def test_refuses(files):
    _, weights, config, target = files
    source = target.with_name('five.pth')
    with pytest.raises(ValueError, match=r'of fc, 0 to 4, got \[5\]'):
        pick_classes(source, target, config, [0, 5])
    names = list(weights)
    torch.save({n: weights[n] for n in names[:-1]}, source)
    with pytest.raises(ValueError, match=r'five.pth: expected a linear'):
        pick_classes(source, target, config, [0])
    torch.save({n: weights[n] for n in names[1:]}, source)
    with pytest.raises(ValueError, match=r'five.pth: weights do not fit'):
        pick_classes(source, target, config, [0])
    with pytest.raises(ValueError, match=r'the backbone \d+: not the same'):
        pick_classes(source, target, config, [0], by_order=True)
    assert not target.exists()
