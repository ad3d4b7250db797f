# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The converters, with the arguments that users give."""

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from test_apis.tiny_localizer import build_model, run_tool, write_checkpoint

from projects.scm.apis.checkpoints import load_weights

PARITY = [('scm_model', 'SCMHead'), ('tscam_model', 'TSCAMHead')]


@pytest.fixture
def convert(tmp_path):
    """Run a converter; gives the file it wrote, or what it complained of."""

    def run(tool, source, *options, fails=False):
        target = tmp_path / 'target.pth'
        tool = f'model_converters/{tool}'
        if fails:
            with pytest.raises((ValueError, FileNotFoundError)) as info:
                run_tool(tool, source, target, *options)
            assert not target.exists()
            return str(info.value)
        run_tool(tool, source, target, *options)
        return target

    return run


def recorded_input() -> torch.Tensor:
    """The input of the recorded figures, float64 (3, 3, 224, 224)."""
    b, c, i, j = np.meshgrid(*map(np.arange, (3, 3, 224, 224)), indexing='ij')
    return torch.from_numpy(
        np.sin(0.07 * (i * (c + 1) + 4) + 0.031 * j * (b + 1))
        + np.cos(0.11 * j - 0.05 * i * (b + 2) / (c + 1))
    )


@pytest.mark.parametrize(('name', 'head'), PARITY)
def test_official_checkpoint_gives_official_maps(
    convert, parity_dir, tmp_path, name, head
) -> None:
    """Logits and maps of the official code, to the digits of float64."""
    figures = np.load(parity_dir / f'{name}.npz')
    state = {
        f'module.{key.removeprefix("state.")}': torch.from_numpy(figures[key])
        for key in figures.files
        if key.startswith('state.')
    }
    source = tmp_path / 'official.pth'
    torch.save({'epoch': 7, 'state_dict': state}, source)
    target = convert('official_to_mmpretrain.py', source)

    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(
                type='TSCAMViT',
                arch=dict(
                    embed_dims=32,
                    num_layers=3,
                    num_heads=2,
                    feedforward_channels=64,
                ),
                img_size=224,
            ),
            head=dict(type=head, in_channels=32, num_classes=7),
        )
    )
    model = model.double().eval()
    load_weights(model, target)
    with torch.no_grad():
        feats = model.extract_feat(recorded_input())
        logits, semantic, attention = model.head.forward_maps(feats)
    for found, key in (
        (logits, 'eval_logits'),
        (semantic * attention[:, None], 'eval_map'),
    ):
        np.testing.assert_allclose(found, figures[key], rtol=0, atol=1e-9)


def test_other_checkpoints_are_refused(convert, tmp_path, parity_dir) -> None:
    tool = 'official_to_mmpretrain.py'
    source = tmp_path / 'a.pth'
    torch.save({'state_dict': {'fc.weight': torch.zeros(2, 3)}}, source)
    assert 'a.pth: expected an official' in convert(tool, source, fails=True)

    figures = np.load(parity_dir / 'scm_model.npz')
    state = {
        key.removeprefix('state.'): torch.from_numpy(figures[key])
        for key in figures.files
        if key.startswith('state.')
    }
    removed = state.pop('blocks.1.norm1.bias')
    state['dist_token'] = torch.zeros(1, 1, 32)
    torch.save({'model': state}, source)
    message = convert(tool, source, fails=True)
    assert '1 missing: backbone.layers.1.ln1.bias' in message
    assert '1 not expected: backbone.dist_token' in message

    del state['dist_token']
    state['blocks.1.norm1.bias'] = removed
    del state['pos_embed']
    torch.save(state, source)
    assert "'backbone.pos_embed' is missing" in convert(
        tool, source, fails=True
    )
    source = write_checkpoint(tmp_path, build_model())
    assert 'nothing to convert' in convert(tool, source, fails=True)


def test_a_stripped_checkpoint_predicts_the_same(convert, tmp_path) -> None:
    """To the last bit, in a head with calibration, without, and TS-CAM's."""
    model = build_model()
    with torch.no_grad():
        for value in model.head.calibration.parameters():
            value.add_(0.25)
    target = convert('strip_calibration.py', write_checkpoint(tmp_path, model))
    content = torch.load(target, weights_only=True)
    assert set(content) == {'meta', 'state_dict'}
    assert content['meta']['dataset_meta']['classes'][0] == 'ant'
    names = set(model.state_dict()) - set(content['state_dict'])
    assert names == {
        f'head.calibration.blocks.{i}.{name}'
        for i in range(4)
        for name in ('lambda_', 'beta')
    }

    images = torch.rand(2, 3, 64, 64, generator=torch.manual_seed(1))
    expected = predict(model, images)
    for head in ({}, {'calibration': False}):
        stripped = build_model(seed=1, **head)
        load_weights(stripped, target)
        for found, sample in zip(
            predict(stripped, images), expected, strict=True
        ):
            for field in ('pred_score', 'score_maps', 'score_map_labels'):
                assert torch.equal(found.get(field), sample.get(field))
            assert torch.equal(
                found.pred_instances.bboxes, sample.pred_instances.bboxes
            )
    tscam = build_model(seed=1, type='TSCAMHead')
    load_weights(tscam, target)
    for found, sample in zip(predict(tscam, images), expected, strict=True):
        assert torch.equal(found.pred_score, sample.pred_score)


@torch.no_grad()
def predict(model, images):
    samples = [
        DataSample(metainfo=dict(ori_shape=(90, 70), img_shape=(64, 64)))
        for _ in images
    ]
    return model.predict(images, samples)


def test_nothing_to_strip(convert, tmp_path) -> None:
    model = build_model(calibration=False)
    source = write_checkpoint(tmp_path, model)
    message = convert('strip_calibration.py', source, fails=True)
    assert 'no weights named head.calibration.*' in message
    message = convert('strip_calibration.py', 'nowhere.pth', fails=True)
    assert 'checkpoint "nowhere.pth" does not exist' in message
