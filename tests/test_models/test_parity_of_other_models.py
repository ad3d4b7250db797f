# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Conformer, and ViT with another scale, against the official figures.

Of the recorded gradients, which are as large as the models, sums under two
fixed weightings are kept here; where the whole recordings lie beside the
repository, every number is compared.
"""

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from test_models.test_parity_with_official import official_input, relative

from projects.scm.models.backbones import convert_official_keys
from projects.scm.models.backbones.checkpoint_keys import to_official_names

CONFORMER = dict(
    backbone=dict(
        type='TSCAMConformer',
        arch=dict(embed_dims=32, depths=6, num_heads=2, channel_ratio=0.25),
        base_channels=64,
        mlp_ratio=2,
    ),
    head=dict(type='ConformerSCMHead', in_channels=(64, 32), num_classes=7),
)
OTHER_SCALE = dict(
    backbone=dict(
        type='TSCAMViT',
        arch=dict(
            embed_dims=32,
            num_layers=3,
            num_heads=2,
            feedforward_channels=96,
        ),
        norm_cfg=dict(type='LN', eps=1e-5),
        attention_scale=32**-0.5,
    ),
    head=dict(type='SCMHead', in_channels=32, num_classes=7),
)
MODELS_OF = {'conformer_scm': CONFORMER, 'vit_scale_scm': OTHER_SCALE}


def build(name, figures):
    """A model with the recorded weights, inputs and samples."""
    model = MODELS.build(
        dict(type='ImageClassifier', **MODELS_OF[name])
    ).double()
    model.load_state_dict(
        convert_official_keys(part(figures, 'state.')), strict=True
    )
    samples = [
        DataSample().set_gt_label(int(label)) for label in figures['labels']
    ]
    return model, official_input(), samples


@pytest.fixture(params=MODELS_OF)
def official(request, parity_dir):
    figures = dict(np.load(parity_dir / f'{request.param}.npz'))
    return figures, *build(request.param, figures)


def part(figures, start):
    return {
        key.removeprefix(start): torch.tensor(value)
        for key, value in figures.items()
        if key.startswith(start)
    }


def test_outputs(official):
    figures, model, inputs, samples = official
    model.eval()
    with torch.no_grad():
        feats = model.extract_feat(inputs)
        logits, semantic, attention = model.head.forward_maps(feats)
        predicted = model.predict(inputs, samples)
    maps = semantic * attention.unsqueeze(1)
    assert relative(logits, figures['eval_logits']) < 1e-9
    assert relative(maps, figures['eval_map']) < 1e-9
    for sample, expected in zip(
        predicted, figures['eval_logits'], strict=True
    ):
        scores = torch.tensor(expected).softmax(0)
        assert relative(sample.pred_score, scores) < 1e-9


def probe(gradient):
    """Two sums of a gradient's entries under fixed weights."""
    flat = gradient.flatten()
    place = torch.arange(len(flat), dtype=flat.dtype)
    return torch.stack([flat @ (place * k).cos() for k in (1.0, 0.37)])


def gradients(model, inputs, samples, figures):
    """Of every parameter, under the official names."""
    model.train()
    loss = model(inputs, samples, mode='loss')['loss']
    loss.backward()
    assert relative(loss.detach(), figures['train_loss']) < 1e-9
    names = to_official_names(dict(model.named_parameters()))
    return {names[n]: p.grad for n, p in model.named_parameters()}


def test_loss_and_every_gradient(official):
    figures, model, inputs, samples = official
    found = gradients(model, inputs, samples, figures)
    expected = part(figures, 'grad_probes.')
    assert found.keys() == expected.keys()
    largest = max(value.abs().max() for value in expected.values())
    for name, gradient in found.items():
        error = (probe(gradient) - expected[name]).abs().max()
        # Some are 0 but for rounding, such as those of the biases of keys.
        assert error < 1e-9 * expected[name].abs().max() + 1e-12 * largest, (
            name
        )


@pytest.mark.optional
@pytest.mark.parametrize('name', MODELS_OF)
def test_every_number_of_the_whole_recordings(name, external_data):
    path = external_data / 'parity' / f'{name}.npz'
    if not path.is_file():
        pytest.skip(f'no recordings beside the repository: {path}')
    figures = dict(np.load(path))
    found = gradients(*build(name, figures), figures)
    expected = part(figures, 'grad.')
    assert found.keys() == expected.keys()
    largest = max(value.abs().max() for value in expected.values())
    for key, gradient in found.items():
        error = (gradient - expected[key]).abs().max()
        bound = 1e-9 * expected[key].abs().max() + 1e-12 * largest
        assert error < bound, key
