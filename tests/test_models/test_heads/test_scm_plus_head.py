# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Maps that attention among patches diffuses, against loops."""

import pytest
import torch
from mmpretrain.structures import DataSample
from test_models.test_heads.tiny_vit import vit

from projects.scm.models import SCMHead, SCMPlusHead
from projects.scm.structures import TokenFeatures


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(2, 3, 32, 48, generator=generator, dtype=torch.float64)


def scaled(values):
    """To [0, 1]."""
    return (values - values.min()) / (values.max() - values.min())


@pytest.mark.parametrize(('layers', 'steps'), [(2, 1), (None, 3)])
@torch.no_grad()
def test_maps_by_loops(pictures, layers, steps):
    model = vit(
        'PatchAttentionViT', 'SCMPlusHead', map_layers=layers, map_steps=steps
    )
    inputs = []
    for layer in model.backbone.layers:
        layer.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    feats = model.extract_feat(pictures)
    labels = torch.tensor([[3, 1], [0, 2]])
    found = model.head.score_maps(feats, labels)
    semantic = model.head.semantic_map(feats[0])
    for b in range(2):
        rows, graph = 0, 0
        looked_at = list(zip(model.backbone.layers, inputs, strict=True))
        for layer, x in looked_at[-layers if layers else 0 :]:
            qkv = layer.attn.qkv(layer.ln1(x))[b].unflatten(1, (3, 2, 8))
            q, k, _ = qkv.permute(1, 2, 0, 3)
            attention = (q @ k.mT / 8**0.5).softmax(-1).mean(0)
            rows = rows + attention[0, 1:]
            graph = graph + attention[1:, 1:]
        for j in range(2):
            coupled = rows * scaled(semantic[b, labels[b, j]].flatten())
            spread = coupled
            for _ in range(steps):
                spread = torch.stack(
                    [
                        sum(graph[i, n] * spread[n] for n in range(6))
                        / graph[i].sum()
                        for i in range(6)
                    ]
                )
            expected = scaled(coupled) + scaled(spread)
            torch.testing.assert_close(found[b, j].flatten(), expected)
    logits, every = model.head.all_maps(feats)
    torch.testing.assert_close(logits, model.head(feats))
    torch.testing.assert_close(every[0, [3, 1]], found[0])
    torch.testing.assert_close(every[1, [0, 2]], found[1])


def test_trains_and_classifies_as_scm(pictures):
    ours = vit('PatchAttentionViT', 'SCMPlusHead', map_layers=3)
    scm = vit('TSCAMViT', 'SCMHead')
    scm.load_state_dict(ours.state_dict(), strict=True)
    samples = [DataSample().set_gt_label(n) for n in (0, 3)]
    losses = []
    for model in (ours, scm):
        with torch.no_grad():
            scores = [p.pred_score for p in model.predict(pictures)]
        model.train().loss(pictures, samples)['loss'].backward()
        gradient = model.backbone.layers[0].attn.qkv.weight.grad
        losses.append((torch.stack(scores), gradient))
    torch.testing.assert_close(*losses, rtol=1e-9, atol=1e-12)


def test_attention_among_patches(pictures):
    model = vit('PatchAttentionViT', 'SCMPlusHead', map_layers=3)
    with torch.no_grad():
        (tokens,) = model.extract_feat(pictures)
        (plain,) = vit('TSCAMViT', 'SCMPlusHead').backbone(pictures)
    assert tokens.patch_attention.shape == (2, 3, 6, 6)
    assert (tokens.patch_attention.sum(-1) < 1).all()
    torch.testing.assert_close(tokens.patch, plain.patch)
    assert plain.patch_attention is None
    # nothing of it is computed while training
    (tokens,) = model.train().backbone(pictures)
    assert tokens.patch_attention is None


def test_wrong_use():
    with pytest.raises(ValueError, match='map_layers'):
        SCMPlusHead(16, 4, map_layers=0)
    with pytest.raises(ValueError, match='map_steps'):
        SCMPlusHead(16, 4, map_steps=0)
    with pytest.raises(ValueError, match='calibrated_maps: expected False'):
        SCMPlusHead(16, 4, calibrated_maps=True)
    labels = torch.zeros(1, 1, dtype=torch.long)
    tokens = TokenFeatures(torch.rand(1, 16, 2, 3), torch.rand(1, 3, 2, 3))
    with pytest.raises(TypeError, match='use PatchAttentionViT'):
        SCMPlusHead(16, 4).score_maps((tokens,), labels)
    tokens = tokens._replace(patch_attention=torch.rand(1, 3, 6, 6))
    with pytest.raises(ValueError, match=r'map_layers=8.* of 3 layers'):
        SCMPlusHead(16, 4, map_layers=8).score_maps((tokens,), labels)
    # a map that is the same everywhere has no place for an object
    flat = TokenFeatures(
        torch.ones(1, 16, 2, 3),
        torch.ones(1, 3, 2, 3),
        patch_attention=torch.full((1, 3, 6, 6), 0.1),
    )
    maps = SCMPlusHead(16, 4, map_layers=3).score_maps((flat,), labels)
    assert maps.isfinite().all()


def test_checkpoints_of_scm_serve():
    assert SCMHead(16, 4).state_dict().keys() == (
        SCMPlusHead(16, 4).state_dict().keys()
    )
