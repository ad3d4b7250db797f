# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The adapter gives what the package gives (optional: grad-cam)."""

import inspect
from concurrent.futures import ThreadPoolExecutor

import numpy as np
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


#: Classes of the package that are methods, with options that make them fast.
METHODS = {
    name: dict(num_scales=2) if name == 'SESS' else {}
    for name, value in vars(package).items()
    if isinstance(value, type) and hasattr(value, 'forward')
    if 'reshape_transform' in inspect.signature(value).parameters
    if name != 'ActivationsAndGradients'
}


def tokens_as_map(tokens):
    count = tokens.size(1) - 1
    rows = 2  # SESS gives it squares, 2 patches a side
    grid = tokens[:, 1:].reshape(len(tokens), rows, count // rows, -1)
    return grid.permute(0, 3, 1, 2)


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize(
    ('parts', 'layer', 'size'),
    [
        (CNN, 'backbone.layer4', (64, 96)),
        (VIT, 'backbone.layers.1.ln1', (32, 48)),
    ],
    ids=['CNN', 'ViT'],
)
def test_maps_are_those_of_the_package(method, parts, layer, size):
    from pytorch_grad_cam.ablation_layer import AblationLayerVit
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    options, build_cam = METHODS[method], getattr(package, method)
    cam = dict(method=method, target_layers=[layer], **options)
    if method in ('FullGrad', 'ShapleyCAM') and parts is VIT:
        with pytest.raises(ValueError, match='choose another method'):
            build(parts, cam=cam)
        return
    model, plain = build(parts, cam=cam), build(parts)
    plain.load_state_dict(model.state_dict(), strict=True)
    pictures = torch.randn(2, 3, *size)
    labels = torch.tensor([[3, 1], [0, 2]])
    np.random.seed(0)  # noqa: NPY002, of RandomCAM
    with torch.no_grad():
        feats = model.extract_feat(pictures)
        found = model.head.score_maps(feats, labels)
    if method == 'AblationCAM' and parts is VIT:
        options = dict(ablation_layer=AblationLayerVit())
    cam = build_cam(
        model=plain,
        target_layers=[plain.get_submodule(layer)],
        reshape_transform=tokens_as_map if parts is VIT else None,
        **options,
    )
    np.random.seed(0)  # noqa: NPY002
    for k in range(2):
        inputs = pictures.clone().requires_grad_()
        chosen = labels[:, k].tolist()
        if method == 'FinerCAM':
            expected = [
                cam(inputs[i : i + 1], target_idx=n)[0]
                for i, n in enumerate(chosen)
            ]
        else:
            targets = [ClassifierOutputTarget(n) for n in chosen]
            expected = cam(inputs, targets)
        torch.testing.assert_close(
            found[:, k], torch.tensor(np.array(expected)), atol=1e-5, rtol=0
        )
    assert found.shape == (2, 2, *size)
    # Nothing is left behind, neither hooks nor another layer.
    assert list(model.state_dict()) == list(plain.state_dict())
    assert not any(m._forward_hooks for m in model.modules())


def test_another_base_method():
    cam = dict(
        method='RefineCAM',
        base_method='LayerCAM',
        target_layers=['backbone.layer3', 'backbone.layer4'],
    )
    model = build(CNN, cam=cam)
    pictures = torch.randn(1, 3, 64, 64)
    labels = torch.tensor([[2]])
    found = model.head.score_maps(model.extract_feat(pictures), labels)
    each = [
        build(CNN, cam=dict(method='LayerCAM', target_layers=[layer]))
        for layer in cam['target_layers']
    ]
    for one in each:
        one.load_state_dict(model.state_dict())
    product = torch.stack(
        [m.head.score_maps(m.extract_feat(pictures), labels) for m in each]
    ).prod(0)
    product = product - product.min()
    torch.testing.assert_close(
        found, product / product.max(), atol=1e-5, rtol=0
    )


def test_two_threads_do_not_disturb_each_other():
    cam = dict(method='GradCAM', target_layers=['backbone.layers.1.ln1'])
    model = build(VIT, cam=cam)
    batches = torch.randn(12, 1, 3, 32, 48)

    def predict(pictures):
        with torch.no_grad():
            return model.predict(pictures)[0].score_maps

    alone = [predict(pictures) for pictures in batches]
    with ThreadPoolExecutor(2) as pool:
        for one, other in zip(alone, pool.map(predict, batches), strict=True):
            torch.testing.assert_close(one, other)


def test_a_failure_leaves_the_model_as_it_was(monkeypatch):
    """Ablation puts a layer of its own into the model meanwhile."""
    cam = dict(method='AblationCAM', target_layers=['backbone.layer4'])
    model = build(CNN, cam=cam)
    layer = model.backbone.layer4
    feats = model.extract_feat(torch.randn(1, 3, 64, 64))
    monkeypatch.setattr(
        package.ablation_layer.AblationLayer, 'set_next_batch', None
    )
    with pytest.raises(TypeError):
        model.head.score_maps(feats, torch.tensor([[0]]))
    assert model.backbone.layer4 is layer


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
