# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The adapter gives what the package gives (optional: grad-cam)."""

import pytest
import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

package = pytest.importorskip('pytorch_grad_cam')
pytestmark = pytest.mark.optional

TINY = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)
CNN = dict(
    backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8),
    head=dict(type='CAMHead', in_channels=64, num_classes=4),
)
VIT = dict(
    backbone=dict(
        type='TSCAMViT', arch=TINY, img_size=(32, 48), patch_size=16
    ),
    head=dict(type='AttentionHead', in_channels=16, num_classes=4),
)


def build(parts, **options):
    torch.manual_seed(0)
    kind = 'GradCAMClassifier' if options else 'ImageClassifier'
    return MODELS.build(dict(type=kind, **parts, **options)).eval()


@pytest.mark.parametrize(
    'method', ['GradCAM', 'GradCAMPlusPlus', 'LayerCAM', 'EigenCAM']
)
@pytest.mark.parametrize(
    ('parts', 'layer', 'size'),
    [
        (CNN, 'backbone.layer4', (64, 96)),
        (VIT, 'backbone.layers.1.ln1', (32, 48)),
    ],
)
def test_maps_are_those_of_the_package(method, parts, layer, size):
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model = build(parts, cam=dict(method=method, target_layers=[layer]))
    plain = build(parts)
    plain.load_state_dict(model.state_dict(), strict=True)
    pictures = torch.randn(2, 3, *size)
    labels = torch.tensor([[3, 1], [0, 2]])
    with torch.no_grad():
        feats = model.extract_feat(pictures)
        found = model.head.score_maps(feats, labels)
    cam = getattr(package, method)(
        model=plain,
        target_layers=[plain.get_submodule(layer)],
        reshape_transform=(
            (lambda t: t[:, 1:].reshape(2, 2, 3, -1).permute(0, 3, 1, 2))
            if parts is VIT
            else None
        ),
    )
    for k in range(2):
        targets = [ClassifierOutputTarget(int(n)) for n in labels[:, k]]
        expected = torch.from_numpy(cam(pictures.clone(), targets))
        torch.testing.assert_close(found[:, k], expected, atol=1e-5, rtol=0)
    assert found.shape == (2, 2, *size)


def test_training_is_that_of_the_plain_model_after_a_test():
    cam = dict(method='GradCAM', target_layers=['backbone.layer4'])
    model, plain = build(CNN, cam=cam), build(CNN)
    plain.load_state_dict(model.state_dict())
    pictures = torch.randn(2, 3, 64, 64)
    samples = [DataSample().set_gt_label(n) for n in (0, 3)]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    with torch.no_grad():
        found = model.predict(pictures)
    assert found[0].score_maps.shape == (4, 64, 64)
    assert all((p.grad == 1).all() for p in model.parameters())
    model.zero_grad()
    losses = [
        each.train().loss(pictures, samples)['loss'] for each in (model, plain)
    ]
    assert torch.equal(*losses)


def test_a_frozen_model_has_maps():
    cam = dict(method='GradCAM', target_layers=['backbone.layer4'])
    model = build(CNN, cam=cam).requires_grad_(False)
    (found,) = model.predict(torch.randn(1, 3, 64, 64))
    assert found.score_maps.max() > 0


def test_what_does_not_exist_is_named():
    layers = ['backbone.layer4']
    with pytest.raises(ValueError, match=r"GradCAM.*got 'GradCAN'"):
        build(CNN, cam=dict(method='GradCAN', target_layers=layers))
    with pytest.raises(ValueError, match=r"\['backbone.layer9'\] do not"):
        build(
            CNN, cam=dict(method='GradCAM', target_layers=['backbone.layer9'])
        )
    with pytest.raises(TypeError, match='needs a ScoreMapHead'):
        build(
            dict(
                CNN,
                head=dict(type='LinearClsHead', in_channels=64, num_classes=4),
            ),
            cam=dict(method='GradCAM', target_layers=layers),
        )
