# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from test_apis.tiny_localizer import build_model

from projects.scm.apis.export_graph import (
    METADATA,
    LocalizationGraph,
    compare,
    make_program,
    open_torch_export,
    require_onnx,
    save_torch_export,
)

ARCH = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)


def pixels(*shape, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, shape).astype(np.float32)


def build(backbone, **kwargs):
    """Another backbone, and other preprocessing, with live weights."""
    torch.manual_seed(2)
    size = dict(arch=ARCH, img_size=64, patch_size=8) | kwargs
    return MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(type=backbone, **size),
            head=dict(type='TSCAMHead', in_channels=32, num_classes=7),
            data_preprocessor=dict(
                mean=[10, 20, 30], std=[50, 60, 70], to_rgb=False
            ),
        )
    ).eval()


def test_graph_is_the_model_and_leaves_it_alone() -> None:
    """Logits, classes and maps, computed here from the head's parts."""
    model = build_model()
    graph = LocalizationGraph(model, topk=3)
    assert model.head.calibration is not None
    assert model.backbone.patch_embed.adaptive_padding is not None
    assert not any('calibration' in name for name in graph.state_dict())
    images = torch.from_numpy(pixels(2, 3, 64, 48))
    mean = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
    std = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
    with torch.no_grad():
        logits, labels, maps = graph(images)
        tokens = model.backbone((images - mean) / std)
        expected, semantic, attention = model.head.forward_maps(tokens)
    torch.testing.assert_close(logits, expected)
    for i in range(2):
        best = expected[i].argsort(descending=True)[:3]
        assert labels[i].tolist() == best.tolist()
        torch.testing.assert_close(maps[i], semantic[i, best] * attention[i])
    assert LocalizationGraph(model, topk=99).topk == 7


@pytest.mark.parametrize(
    ('backbone', 'options'),
    [
        ('TSCAMViT', {}),
        ('TSCAMDistilledViT', {}),
        ('TSCAMDeiT3', {}),
    ],
)
def test_one_program_for_any_batch_and_size(
    tmp_path, backbone, options
) -> None:
    model = build(backbone, **options)
    program = make_program(LocalizationGraph(model, topk=4), (64, 64))
    file = tmp_path / 'graph.pt2'
    save_torch_export(program, file, {'classes': ['a', 'b']})
    deviations = compare(
        model,
        open_torch_export(file),
        [
            pixels(1, 3, 64, 64),
            pixels(3, 3, 16, 200),
            pixels(2, 3, 40, 24),
            pixels(2, 3, 64, 32),
        ],
        topk=4,
    )
    assert max(deviations.values()) < 1e-5
    content = {METADATA: ''}
    torch.export.load(str(file), extra_files=content)
    assert json.loads(content[METADATA]) == {'classes': ['a', 'b']}


@pytest.mark.parametrize('backbone', ['TSCAMBEiT', 'TSCAMEVA02'])
def test_one_size_only(tmp_path, backbone) -> None:
    model = build(backbone)
    with pytest.raises(ValueError, match=f'{backbone} takes one size only'):
        LocalizationGraph(model)
    program = make_program(LocalizationGraph(model, any_size=False), (64, 64))
    file = tmp_path / 'graph.pt2'
    save_torch_export(program, file, {})
    batches = [pixels(n, 3, 64, 64) for n in (1, 5)]
    deviations = compare(model, open_torch_export(file), batches)
    assert max(deviations.values()) < 1e-5


def test_compare_finds_differences() -> None:
    model, other = build_model(), build_model()
    batch = pixels(2, 3, 64, 64)

    def run(images):
        with torch.no_grad():
            return [
                out.numpy()
                for out in LocalizationGraph(other)(torch.from_numpy(images))
            ]

    # The graph makes all maps and pools them, the model takes shortcuts.
    assert max(compare(model, run, [batch]).values()) < 1e-6
    with torch.no_grad():
        other.head.semantic.bias += 1e-3
    deviations = compare(model, run, [batch])
    assert min(deviations.values()) > 1e-5
    with torch.no_grad():
        other.head.semantic.weight.neg_()
    with pytest.raises(ValueError, match='its best classes are'):
        compare(model, run, [batch])
    with pytest.raises(ValueError, match='odd shapes'):
        compare(model, run, [batch], topk=2)


def test_what_is_missing_is_named(monkeypatch) -> None:
    monkeypatch.setattr(
        'projects.scm.apis.export_graph.find_spec',
        lambda name: None if name == 'onnxscript' else object(),
    )
    with pytest.raises(ModuleNotFoundError, match=r'^onnxscript not in'):
        require_onnx()
