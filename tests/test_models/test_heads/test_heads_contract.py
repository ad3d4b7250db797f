# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What every registered head must do, whatever its maps are made of."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from projects.scm.apis.export_graph import (
    LocalizationGraph,
    compare,
    make_program,
)
from projects.scm.models.tta import FlipTTA

CLASSES, STRIDE = 4, 16
VIT = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)
CONFORMER = dict(embed_dims=16, depths=3, num_heads=2, channel_ratio=0.25)
# Backbone, and arguments of the head.
CASES = {
    'TSCAMHead': ('TSCAMViT', {}),
    'SCMHead': ('TSCAMViT', {}),
    'SCMPlusHead': ('PatchAttentionViT', dict(map_layers=2)),
    'ConformerSCMHead': ('TSCAMConformer', dict(in_channels=(64, 16))),
    'AttentionHead': ('TSCAMViT', {}),
    'PrincipalComponentHead': ('TSCAMViT', {}),
    'LeGradHead': ('LeGradViT', {}),
    'CAMHead': ('ResNet', dict(in_channels=64)),
    'TriLiteHead': ('TSCAMViT', dict(alpha=100.0)),
}
GRIDS = [(3, 5), (7, 7), (37, 37)]


def build(head, grid=(3, 5)):
    """A model with lively weights, and the size of its pictures."""
    backbone, options = CASES[head]
    size = (STRIDE * grid[0], STRIDE * grid[1])
    parts = {
        'TSCAMConformer': dict(arch=CONFORMER, base_channels=64, mlp_ratio=2),
        'ResNet': dict(
            depth=18, stem_channels=8, base_channels=8, strides=(1, 2, 2, 1)
        ),
    }.get(backbone, dict(arch=VIT, img_size=size, patch_size=STRIDE))
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(type=backbone, **parts),
            head=dict(
                dict(type=head, in_channels=16, num_classes=CLASSES), **options
            ),
        )
    )
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() > 1:
                value.normal_(std=0.03 if name.startswith('head') else 0.1)
            if name.endswith('attn.qkv.weight'):
                value *= 5  # level attention has no map but its rounding
    return model.eval(), size


@pytest.fixture(params=CASES)
def head(request):
    return request.param


def samples(size, count=2, flip=False):
    meta = dict(img_shape=size, ori_shape=(60, 100), flip=flip)
    if flip:
        meta['flip_direction'] = 'horizontal'
    return [
        DataSample(metainfo=meta).set_gt_label(n % CLASSES)
        for n in range(count)
    ]


def predict(model, inputs):
    with torch.no_grad():  # a thread's own
        return model.predict(
            inputs, samples(tuple(inputs.shape[2:]), len(inputs))
        )


def check(found, grid):
    """Label, maps and boxes are of one class, and lie in the picture."""
    assert found.score_maps.shape == (CLASSES, *grid)
    assert found.score_maps.isfinite().all()
    assert (
        found.score_map_labels[0]
        == found.pred_label
        == found.pred_score.argmax()
    )
    assert set(found.pred_instances.labels.tolist()) == {int(found.pred_label)}
    boxes = found.pred_instances.bboxes
    assert len(boxes) == 1
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= torch.tensor([100, 60])).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_every_registered_head_is_here():
    assert set(CASES) == {
        name
        for name, kind in MODELS.module_dict.items()
        if kind.__module__.startswith('projects.scm.models.heads')
    }


@pytest.mark.parametrize('grid', GRIDS)
def test_predictions_on_any_grid(head, grid):
    model, size = build(head, grid)
    for found in predict(model, torch.randn(2, 3, *size)):
        check(found, grid)


def test_training_reaches_every_trained_weight(head):
    model, size = build(head)
    losses = model.train().loss(torch.randn(2, 3, *size), samples(size))
    total = sum(v for k, v in losses.items() if 'loss' in k)
    total.backward()
    assert total.isfinite()
    for name, value in model.head.named_parameters():
        assert value.grad is not None, name
        assert value.grad.isfinite().all(), name


def test_autocast(head):
    model, size = build(head)
    inputs = torch.randn(2, 3, *size)
    plain = predict(model, inputs)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = predict(model, inputs)
    for one, other in zip(found, plain, strict=True):
        check(one, (3, 5))
        torch.testing.assert_close(
            one.pred_score, other.pred_score, atol=0.1, rtol=0
        )


def test_two_threads_at_once(head):
    model, size = build(head)
    batches = torch.randn(8, 1, 3, *size)
    alone = [predict(model, inputs) for inputs in batches]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda inputs: predict(model, inputs), batches))
    for (one,), (other,) in zip(found, alone, strict=True):
        torch.testing.assert_close(one.pred_score, other.pred_score)
        torch.testing.assert_close(one.score_maps, other.score_maps)


def test_flipped_views_are_merged(head):
    """A picture that is its own mirror image has two equal views."""
    model, size = build(head)
    half = torch.randn(1, 3, size[0], size[1])
    inputs = half + half.flip(-1)
    views = dict(
        inputs=[[inputs[0]], [inputs[0]]],
        data_samples=[samples(size, 1), samples(size, 1, flip=True)],
    )
    with torch.no_grad():
        (found,) = FlipTTA(module=model).test_step(views)
        model.data_preprocessor.pad_size_divisor = 2 * STRIDE
        with pytest.raises(ValueError, match='the data preprocessor pads'):
            FlipTTA(module=model).test_step(views)
    check(found, (3, 5))
    torch.testing.assert_close(found.score_maps, found.score_maps.flip(-1))


@pytest.mark.parametrize(
    'head',
    [
        # TSCAMHead's and SCMHead's are tested in test_export_graph.py;
        # LeGradHead's maps are made of gradients.
        'SCMPlusHead',
        'AttentionHead',
        'PrincipalComponentHead',
        'CAMHead',
        'TriLiteHead',
        pytest.param('ConformerSCMHead', marks=pytest.mark.long),
    ],
)
def test_export(head):
    model, size = build(head)
    graph = LocalizationGraph(model, topk=3, any_size=False)
    program = make_program(graph, size[::-1]).module()
    pixels = torch.rand(1, 3, *size).numpy() * 255

    def run(batch):
        return [out.numpy() for out in program(torch.from_numpy(batch))]

    deviations = compare(model, run, [pixels], topk=3)
    assert max(deviations.values()) < 1e-4
