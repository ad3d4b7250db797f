# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""TriLite's head against the recorded figures of its authors' code."""

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from test_models.test_parity_with_official import relative as distance

from projects.scm.models import TriLiteHead
from projects.scm.structures import TokenFeatures

OFFICIAL = {
    'triHead.patch_classifier.': 'patch_classifier.',
    'triHead.activation_head.': 'activation.',
    'triHead.bn_head.': 'norm.',
    'global_classifier.': 'class_token_classifier.',
}


def relative(ours, expected):
    return distance(ours.detach(), expected)


def own_name(official):
    for theirs, ours in OFFICIAL.items():
        if official.startswith(theirs):
            return ours + official.removeprefix(theirs)
    raise KeyError(official)


@pytest.fixture
def figures(parity_dir):
    file = parity_dir / 'trilite_head.npz'
    return {k: torch.from_numpy(v) for k, v in dict(np.load(file)).items()}


@pytest.fixture
def recorded(figures):
    """Head with the recorded weights, tokens that take gradients, samples."""
    head = TriLiteHead(32, 9, alpha=float(figures['alpha']), dropout=0)
    state = {
        own_name(key.removeprefix('state/')): value
        for key, value in figures.items()
        if key.startswith('state/')
    }
    head.double().load_state_dict(state, strict=True)
    patch, token = (
        figures[key].clone().requires_grad_() for key in ('patch', 'cls_token')
    )
    attention = torch.zeros(6, 1, 8, 8, dtype=torch.float64)
    feats = (TokenFeatures(patch, attention, token),)
    samples = [DataSample().set_gt_label(int(n)) for n in figures['labels']]
    return head, feats, samples


def test_outputs(figures, recorded):
    head, feats, samples = recorded
    head.eval()
    with torch.no_grad():
        foreground, background = head.region_logits(feats)
        found = head.predict(feats, samples)
    assert relative(head(feats), figures['eval/logits']) < 1e-9
    assert relative(foreground, figures['eval/logits_fg']) < 1e-9
    assert relative(background, figures['eval/logits_bg']) < 1e-9
    regions = figures['eval/pre_softmax'].softmax(1)
    assert relative(head.region_maps(feats), regions) < 1e-9
    for sample, score_map in zip(found, figures['eval/map'], strict=True):
        # The same for every class, in single precision.
        for own in sample.score_maps:
            assert relative(own, score_map.float()) < 1e-6
    labels = torch.zeros(6, 2, dtype=torch.long)
    maps = head.score_maps(feats, labels)
    assert relative(maps[:, 1], figures['eval/map']) < 1e-9


def test_losses_gradients_and_running_values(figures, recorded):
    head, feats, samples = recorded
    losses = head.train().loss(feats, samples)
    total = sum(losses.values())
    total.backward()
    for key in ('cls', 'fg', 'bg'):
        assert relative(
            losses[f'loss_{key}'], figures[f'train/loss_{key}']
        ) < (1e-9)
    assert relative(total, figures['train/loss_total']) < 1e-9
    for name, parameter in (
        ('grad_patch', feats[0].patch),
        ('grad_cls_token', feats[0].cls_token),
    ):
        assert relative(parameter.grad, figures[f'train/{name}']) < 1e-9
    start = 'train/grad/'
    expected = {
        own_name(key.removeprefix(start)): value
        for key, value in figures.items()
        if key.startswith(start)
    }
    parameters = dict(head.named_parameters())
    assert expected.keys() == parameters.keys()
    for name, gradient in expected.items():
        assert relative(parameters[name].grad, gradient) < 1e-9, name
    for kind in ('mean', 'var'):
        own = getattr(head.norm, f'running_{kind}')
        assert relative(own, figures[f'train/running_{kind}_after']) < 1e-9


def test_dropout_is_on_pooled_and_class_tokens(recorded):
    """Two passes differ in the three logits, and not in the maps."""
    head, feats, _ = recorded
    head.dropout.p = 0.5
    first, second = (
        (head(feats), *head.region_logits(feats), head.region_maps(feats))
        for _ in range(2)
    )
    same = [torch.equal(a, b) for a, b in zip(first, second, strict=True)]
    assert same == [False, False, False, True]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r'dropout: expected.*\[0, 1\)'):
        TriLiteHead(32, 9, dropout=1.0)
    with pytest.raises(ValueError, match=r'alpha: expected .* got nan'):
        TriLiteHead(32, 9, alpha=float('nan'))
    tokens = TokenFeatures(torch.zeros(1, 32, 2, 2), torch.zeros(1, 1, 2, 2))
    with pytest.raises(ValueError, match='backbone gives none'):
        TriLiteHead(32, 9)((tokens,))


def test_the_backbone_stays_as_it_is():
    """Frozen: no gradient, no dropped path, whatever mode is set."""
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(
                type='TSCAMViT',
                arch=dict(
                    embed_dims=32,
                    num_layers=2,
                    num_heads=2,
                    feedforward_channels=64,
                ),
                img_size=32,
                final_norm=False,
                frozen_stages=2,
            ),
            head=dict(type='TriLiteHead', in_channels=32, num_classes=3),
        )
    )
    samples = [DataSample().set_gt_label(n) for n in (0, 1)]
    losses = model.train().loss(torch.randn(2, 3, 32, 32), samples)
    sum(losses.values()).backward()
    trained = {n for n, p in model.named_parameters() if p.grad is not None}
    assert {name.split('.')[0] for name in trained} == {'head'}
