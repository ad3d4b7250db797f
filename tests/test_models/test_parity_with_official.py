# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Whole models against figures of the official implementation."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from projects.scm.models.backbones import convert_official_keys

HEADS = {'tscam': 'TSCAMHead', 'scm': 'SCMHead'}


def relative(ours, reference):
    ours, reference = np.asarray(ours), np.asarray(reference)
    return np.abs(ours - reference).max() / np.abs(reference).max()


def official_input():
    b, c, i, j = np.meshgrid(
        *(np.arange(n) for n in (3, 3, 224, 224)), indexing='ij'
    )
    image = np.sin(0.07 * (i * (c + 1) + 4) + 0.031 * j * (b + 1))
    image += np.cos(0.11 * j - 0.05 * i * (b + 2) / (c + 1))
    return torch.tensor(image)


def build(name, figures, tiny_arch, dtype):
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(type='TSCAMViT', arch=tiny_arch),
            head=dict(type=HEADS[name], in_channels=32, num_classes=7),
        )
    )
    state = {
        key.removeprefix('state.'): torch.tensor(figures[key])
        for key in figures
        if key.startswith('state.')
    }
    model.to(dtype).load_state_dict(convert_official_keys(state), strict=True)
    samples = [
        DataSample().set_gt_label(int(label)) for label in figures['labels']
    ]
    return model, official_input().to(dtype), samples


@pytest.fixture(params=list(HEADS))
def official(request, parity_dir):
    return request.param, np.load(parity_dir / f'{request.param}_model.npz')


@pytest.mark.parametrize(
    ('dtype', 'tolerance'),
    [
        (torch.float64, 1e-9),
        (torch.float32, 1e-4),
    ],
)
def test_outputs(official, tiny_arch, dtype, tolerance):
    name, figures = official
    model, inputs, samples = build(name, figures, tiny_arch, dtype)

    model.eval()
    with torch.no_grad():
        feats = model.extract_feat(inputs)
        logits, semantic, attention = model.head.forward_maps(feats)
        predicted = model.predict(inputs, samples)
    maps = semantic * attention.unsqueeze(1)
    assert relative(logits, figures['eval_logits']) < tolerance
    assert relative(maps, figures['eval_map']) < tolerance
    if name == 'scm':
        assert relative(semantic, figures['eval_semantic']) < tolerance
        assert (
            relative(attention.unsqueeze(1), figures['eval_attention'])
            < tolerance
        )
    for sample, expected in zip(predicted, figures['eval_map'], strict=True):
        labels = sample.score_map_labels.tolist()
        assert relative(sample.score_maps, expected[labels]) < max(
            tolerance, 1e-6
        )  # kept in float32

    model.train()
    if name == 'scm':
        train_logits = model.head.calibrated_logits(model.extract_feat(inputs))
    else:
        train_logits = model(inputs)
    loss = model(inputs, samples, mode='loss')['loss']
    assert relative(train_logits.detach(), figures['train_logits']) < tolerance
    assert relative(loss.detach(), figures['train_loss']) < tolerance


@pytest.mark.parametrize(
    ('dtype', 'tolerance'),
    [
        (torch.float64, 1e-7),
        (torch.float32, 1e-4),
    ],
)
def test_every_gradient(official, tiny_arch, dtype, tolerance):
    name, figures = official
    model, inputs, samples = build(name, figures, tiny_arch, dtype)
    model(inputs, samples, mode='loss')['loss'].backward()
    expected = convert_official_keys(
        {
            key.removeprefix('grad.'): torch.tensor(figures[key])
            for key in figures
            if key.startswith('grad.')
        }
    )
    parameters = dict(model.named_parameters())
    assert parameters.keys() == expected.keys()
    for key, parameter in parameters.items():
        assert relative(parameter.grad, expected[key]) < tolerance, key


@pytest.mark.parametrize(
    ('schedule', 'dtype', 'tolerance'),
    [
        ('cub', torch.float64, 1e-6),
        ('in1k', torch.float64, 1e-6),
        ('cub', torch.float32, 1e-4),
    ],
)
def test_twenty_steps_of_adamw(
    official, tiny_arch, repo, schedule, dtype, tolerance
):
    name, figures = official
    model, inputs, samples = build(name, figures, tiny_arch, dtype)
    config = Config.fromfile(
        repo / f'configs/_base_/schedules/{name}_{schedule}.py'
    )
    config.optim_wrapper.optimizer.lr = 1e-3
    wrapper = build_optim_wrapper(model, config.optim_wrapper)

    losses = []
    for _ in range(20):
        loss = model(inputs, samples, mode='loss')['loss']
        losses.append(loss.item())
        wrapper.update_params(loss)

    expected = figures['losses_adamw_lr1e-3_wd5e-2']
    np.testing.assert_allclose(losses, expected, rtol=tolerance)
    if dtype == torch.float64:
        with torch.no_grad():
            assert relative(model(inputs), figures['final_logits']) < 1e-6
        if name == 'scm':
            for i, block in enumerate(model.head.calibration.blocks):
                np.testing.assert_allclose(
                    [block.beta.item(), block.lambda_.item()],
                    [
                        figures[f'final.layers.{i}.thred'].item(),
                        figures[f'final.layers.{i}.fuse._loss_rate'].item(),
                    ],
                    rtol=1e-6,
                )
