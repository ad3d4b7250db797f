# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""CAM, attention, rollout, principal component, LeGrad: by hand, in loops."""

import numpy as np
import pytest
import torch
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.registry import MODELS
from test_models.test_heads.tiny_vit import TINY, vit

from projects.scm.models import CAMHead


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(2, 3, 32, 48, generator=generator, dtype=torch.float64)


def explicit_layers(model, pictures):
    """Input, attention and values of every layer, from its weights."""
    inputs = []
    handles = [
        layer.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
        for layer in model.backbone.layers
    ]
    with torch.no_grad():
        model.backbone(pictures)
    for handle in handles:
        handle.remove()
    found = []
    for layer, x in zip(model.backbone.layers, inputs, strict=True):
        qkv = layer.attn.qkv(layer.ln1(x)).unflatten(2, (3, 2, 8))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        found.append((x, (q @ k.mT / 8**0.5).softmax(-1).detach(), v))
    return found


def test_cam_by_loops():
    torch.manual_seed(0)
    head = CAMHead(5, 3).double()
    feature = torch.randn(2, 5, 4, 6, dtype=torch.float64)
    labels = torch.tensor([[2, 0], [1, 1]])
    maps = head.score_maps((feature,), labels)
    weight = head.fc.weight
    for b in range(2):
        for k in range(2):
            expected = sum(
                weight[labels[b, k], d] * feature[b, d] for d in range(5)
            )
            torch.testing.assert_close(maps[b, k], expected)
    logits = head((feature,)).gather(1, labels)
    torch.testing.assert_close(
        maps.mean((2, 3)) + head.fc.bias[labels], logits
    )


def test_cam_takes_the_weights_of_mmpretrains_head():
    plain = LinearClsHead(3, 5)
    head = CAMHead(5, 3)
    head.load_state_dict(plain.state_dict(), strict=True)
    feature = torch.randn(2, 5, 4, 6)
    torch.testing.assert_close(
        head((feature,)), plain((feature.mean((2, 3)),))
    )


def test_cam_needs_a_feature_map():
    with pytest.raises(ValueError, match=r'\(B, 5, h, w\).*gave \(2, 5\)'):
        CAMHead(5, 3)((torch.zeros(2, 5),))


def test_attention_of_the_last_layer(pictures):
    model = vit('TSCAMViT', 'AttentionHead')
    _, attention, _ = explicit_layers(model, pictures)[-1]
    expected = attention.mean(1)[:, 0, 1:].unflatten(1, (2, 3))
    maps = model.head.score_maps(
        model.extract_feat(pictures), torch.zeros(2, 2, dtype=torch.long)
    )
    torch.testing.assert_close(maps[:, 1], expected)


def test_rollout_is_the_product_of_matrices(pictures):
    model = vit('RolloutViT', 'AttentionHead')
    product = torch.eye(7, dtype=torch.float64)
    for _, attention, _ in explicit_layers(model, pictures):
        mixed = (attention.mean(1) + torch.eye(7)) / 2
        product = mixed @ product
    expected = product[:, 0, 1:].unflatten(1, (2, 3))
    feats = model.extract_feat(pictures)
    found = model.head.object_map(feats)
    torch.testing.assert_close(found, expected)
    plain = vit('TSCAMViT', 'AttentionHead')
    plain.load_state_dict(model.state_dict(), strict=True)
    (tokens,) = plain.extract_feat(pictures)
    torch.testing.assert_close(feats[0].patch, tokens.patch)


def test_principal_component(pictures):
    model = vit('TSCAMViT', 'PrincipalComponentHead')
    (tokens,) = model.extract_feat(pictures)
    found = model.head.object_map((tokens,))
    for b in range(2):
        rows = tokens.patch[b].flatten(1).T.detach().numpy()
        centred = rows - rows.mean(0)
        u, s, _ = np.linalg.svd(centred, full_matrices=False)
        along = u[:, 0] * s[0]
        attention = tokens.cls_attention[b, -1].flatten().detach().numpy()
        along *= np.sign(along @ attention)
        assert np.allclose(found[b].detach().flatten(), along, atol=1e-10)


def test_legrad_layer_by_layer(pictures):
    model = vit('LeGradViT', 'LeGradHead')
    labels = torch.tensor([[3, 1], [0, 2]])
    with torch.no_grad():
        found = model.head.score_maps(model.extract_feat(pictures), labels)
    explicit = explicit_layers(vit('TSCAMViT', 'AttentionHead'), pictures)
    weight, bias = model.head.layers.head.parameters()
    norm = model.backbone.ln1
    for k in range(2):
        parts = []
        for layer, (x, attention, v) in zip(
            model.backbone.layers, explicit, strict=True
        ):
            weights = attention.clone().requires_grad_()
            mixed = (weights @ v).transpose(1, 2).flatten(2)
            after = x + layer.attn.proj(mixed)
            after = layer.ffn(layer.ln2(after), identity=after)
            logits = norm(after)[:, 0] @ weight.T + bias
            score = sum(logits[b, labels[b, k]] for b in range(2))
            (gradient,) = torch.autograd.grad(score, weights)
            parts.append(gradient.clamp(min=0).mean(1).mean(1)[:, 1:])
        expected = sum(parts) / len(parts)
        torch.testing.assert_close(found[:, k].flatten(1), expected)


@pytest.mark.parametrize(
    ('backbone', 'head'),
    [
        ('TSCAMViT', 'AttentionHead'),
        ('RolloutViT', 'AttentionHead'),
        ('TSCAMViT', 'PrincipalComponentHead'),
        ('LeGradViT', 'LeGradHead'),
    ],
)
def test_they_train_and_predict(backbone, head, pictures):
    model = vit(backbone, head)
    from mmpretrain.structures import DataSample

    samples = [DataSample().set_gt_label(n) for n in (0, 3)]
    loss = model.train().loss(pictures, samples)['loss']
    loss.backward()
    assert model.backbone.layers[0].attn.qkv.weight.grad.abs().sum() > 0
    with torch.no_grad():
        found = model.eval().predict(pictures)
    for sample in found:
        assert sample.score_maps.shape == (4, 2, 3)
        assert sample.pred_instances.bboxes.shape[1] == 4


@pytest.mark.parametrize('method', ['Rollout', 'LeGrad'])
def test_models_of_timm_give_the_same_maps(method, pictures):
    """Of the same weights, by timm's forward and by mmpretrain's."""
    pytest.importorskip('timm')
    torch.manual_seed(0)
    ours = MODELS.build(
        dict(
            type=f'{method}Timm',
            model_name='vit_small_patch16_224',
            embed_dim=16,
            depth=3,
            num_heads=2,
            img_size=(32, 48),
        )
    )
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    ours = ours.double().eval()
    model = vit(
        f'{method}ViT', 'LeGradHead' if method == 'LeGrad' else 'AttentionHead'
    )
    arch = dict(TINY, feedforward_channels=64)
    theirs = MODELS.build(
        dict(type=f'{method}ViT', arch=arch, img_size=(32, 48), patch_size=16)
    )
    theirs = theirs.double().eval()
    theirs.load_state_dict(ours.timm_model.state_dict(), strict=False)
    labels = torch.tensor([[3, 1], [0, 2]])
    with torch.no_grad():
        found, expected = (
            model.head.score_maps(backbone(pictures), labels)
            for backbone in (ours, theirs)
        )
    assert found.abs().max() > 0
    torch.testing.assert_close(found, expected)
