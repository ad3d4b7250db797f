# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Every family of timm's vision transformers, small and with random weights.

Needs timm: ``pip install timm && pytest -m optional``.
"""

import sys

import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn

from projects.scm.structures import TokenFeatures

timm = pytest.importorskip('timm', reason='needs timm (extra "timm")')
pytestmark = pytest.mark.optional

TINY = dict(embed_dim=32, depth=3, num_heads=2)
# What stands for a family, and what differs from the published size.
CASES = {
    'ViT-AugReg': ('vit_small_patch16_224', {}),
    'ViT pre-norm': ('vit_base_patch16_clip_224', {}),
    'ViT q/k norm': ('vit_base_patch16_224', dict(qk_norm=True)),
    'ViT LayerScale': ('vit_small_patch16_36x1_224', {}),
    'DeiT': ('deit_small_patch16_224', {}),
    'DeiT distilled': ('deit_small_distilled_patch16_224', {}),
    'DeiT III': ('deit3_small_patch16_224', {}),
    'DINO': ('vit_small_patch16_224.dino', {}),
    'DINOv2': ('vit_small_patch14_dinov2', {}),
    'DINOv2 registers': ('vit_small_patch14_reg4_dinov2', {}),
    'DINOv3': ('vit_small_patch16_dinov3', {}),
    'EVA': ('eva_giant_patch14_224', dict(mlp_ratio=2)),
    'EVA-02': ('eva02_tiny_patch14_224', {}),
    'EVA-02 base': ('eva02_base_patch14_448', {}),
    'ViT RoPE mixed': ('vit_small_patch16_rope_mixed_224', {}),
    'BEiT': ('beit_base_patch16_224', {}),
    'BEiT v2': ('beitv2_base_patch16_224', {}),
}
FIXED_SIZE = {'BEiT', 'BEiT v2'}


def build(case, grid=4, **options):
    name, changes = CASES[case]
    patch = 14 if 'patch14' in name else 16
    torch.manual_seed(0)
    backbone = MODELS.build(
        dict(
            type='TSCAMTimm',
            model_name=name,
            img_size=grid * patch,
            **{**TINY, **changes, **options},
        )
    )
    for parameter in backbone.parameters():
        # Biases and layer scales are 0 or 1e-5, and would hide mistakes.
        nn.init.normal_(parameter, std=0.2)
    return backbone.eval(), patch


def build_stock(case, **options):
    """As timm builds it, but for the norm after pooling."""
    name, changes = CASES[case]
    options = {**TINY, **changes, **options, 'num_classes': 0}
    stock = timm.create_model(name, **options).eval()
    if isinstance(stock.norm, nn.Identity):
        stock.norm, stock.fc_norm = stock.fc_norm, stock.norm
    return stock


def features(backbone, inputs):
    (tokens,) = backbone(inputs)
    assert isinstance(tokens, TokenFeatures)
    return tokens


def explicit_rows(backbone, inputs):
    """The class token's rows of timm's own softmax, (B, K, N)."""
    rows, hooks = [], []
    for block in backbone.layers:
        block.attn.forward = block.attn.forward.forward  # without the tap
        block.attn.fused_attn = False
        hooks.append(
            block.attn.attn_drop.register_forward_hook(
                lambda module, args, out: rows.append(args[0][:, :, 0])
            )
        )
    backbone.timm_model.forward_features(inputs)
    return torch.stack(rows, 1).mean(2)


@pytest.mark.parametrize('case', CASES)
def test_attention_is_that_of_the_explicit_softmax(case):
    backbone, patch = build(case)
    inputs = torch.randn(2, 3, 4 * patch, 4 * patch)
    with torch.no_grad():
        rows = features(backbone, inputs).cls_attention
        expected = explicit_rows(backbone, inputs)
    extra = backbone.num_extra_tokens
    torch.testing.assert_close(expected.sum(-1), torch.ones(2, 3))
    torch.testing.assert_close(
        rows, expected[..., extra:].unflatten(-1, (4, 4)), rtol=0, atol=1e-6
    )
    assert rows.std() > 1e-3  # not all the same, which proves nothing


@pytest.mark.parametrize('case', CASES)
def test_patch_tokens_are_those_of_the_stock_model(case):
    backbone, patch = build(case)
    stock = build_stock(case, img_size=4 * patch)
    stock.load_state_dict(backbone.timm_model.state_dict(), strict=True)
    inputs = torch.randn(2, 3, 4 * patch, 4 * patch)
    with torch.no_grad():
        expected = stock.forward_features(inputs)
        expected = expected[:, backbone.num_extra_tokens :].mT
        torch.testing.assert_close(
            features(backbone, inputs).patch,
            expected.unflatten(-1, (4, 4)),
            rtol=0,
            atol=1e-6,
        )


@pytest.mark.parametrize('case', [c for c in CASES if c not in FIXED_SIZE])
@pytest.mark.parametrize('grid', [(3, 5), (7, 7), (37, 37)])
def test_any_grid(case, grid):
    """As a stock model built for that size, whose loading resizes."""
    backbone, patch = build(case)
    inputs = torch.randn(1, 3, grid[0] * patch, grid[1] * patch)
    stock = build_stock(case, img_size=inputs.shape[2:])
    resize = sys.modules[type(stock).__module__]
    resize = getattr(resize, 'checkpoint_filter_fn', None) or (
        timm.models.vision_transformer.checkpoint_filter_fn
    )
    weights = resize(backbone.timm_model.state_dict(), stock)
    assert not stock.load_state_dict(weights, strict=False).unexpected_keys
    with torch.no_grad():
        tokens = features(backbone, inputs)
        expected = stock.forward_features(inputs)
    assert tokens.patch.shape == (1, 32, *grid)
    assert tokens.cls_attention.shape == (1, 3, *grid)
    expected = expected[:, backbone.num_extra_tokens :].mT.unflatten(-1, grid)
    torch.testing.assert_close(tokens.patch, expected, rtol=0, atol=1e-5)


def test_a_family_of_one_size_says_so():
    backbone, patch = build('BEiT')
    with pytest.raises(ValueError, match=r'\(64, 64\).*img_size'):
        backbone(torch.randn(1, 3, 4 * patch, 5 * patch))
    assert build('BEiT', grid=7)[0](torch.randn(1, 3, 112, 112))


def test_sizes_that_patches_do_not_divide():
    backbone, _ = build('DINOv2')
    with pytest.raises(ValueError, match=r'\(14, 14\).*\(64, 70\)'):
        backbone(torch.randn(1, 3, 64, 70))
    padded, _ = build('DINOv2', dynamic_img_pad=True)
    assert features(padded, torch.randn(1, 3, 64, 70)).patch.shape[2:] == (
        5,
        5,
    )


def test_tokens_before_the_last_norm():
    after, patch = build('DINOv2')
    before, _ = build('DINOv2', final_norm=False)
    norm = after.timm_model.norm
    state = after.state_dict()
    for name in ('weight', 'bias'):
        state.pop(f'timm_model.norm.{name}')
    before.load_state_dict(state, strict=True)
    inputs = torch.randn(1, 3, 4 * patch, 4 * patch)
    tokens = features(before, inputs).patch.permute(0, 2, 3, 1)
    torch.testing.assert_close(
        norm(tokens).permute(0, 3, 1, 2), features(after, inputs).patch
    )


@pytest.mark.parametrize('with_cp', [False, True])
@pytest.mark.parametrize('case', ['ViT-AugReg', 'DINOv3', 'EVA-02', 'BEiT'])
def test_gradients_reach_queries_and_keys(case, with_cp):
    backbone, patch = build(case, with_cp=with_cp)
    inputs = torch.randn(2, 3, 4 * patch, 4 * patch)
    tokens = features(backbone.train(), inputs)
    (tokens.cls_attention * torch.randn(2, 3, 4, 4)).sum().backward()
    for block in backbone.layers:
        if block.attn.qkv is None:
            grads = [block.attn.q_proj.weight.grad]
            grads += [block.attn.k_proj.weight.grad]
        else:
            grads = block.attn.qkv.weight.grad.chunk(3)[:2]
        for grad in grads:
            assert grad.abs().sum() > 0


def test_activation_checkpointing_changes_no_gradient():
    grads = []
    for with_cp in (False, True):
        backbone, patch = build('DINOv3', with_cp=with_cp)
        torch.manual_seed(1)
        tokens = features(
            backbone.train(), torch.randn(1, 3, 4 * patch, 4 * patch)
        )
        (tokens.patch.sum() + tokens.cls_attention.square().sum()).backward()
        grads.append([p.grad for p in backbone.parameters()])
    torch.testing.assert_close(*grads)


def test_no_parameter_is_left_without_a_gradient():
    """Of what timm builds for pooling and classifying nothing stays."""
    for case in CASES:
        backbone, patch = build(case)
        tokens = features(backbone, torch.randn(1, 3, 4 * patch, 4 * patch))
        (tokens.patch.square().sum() + tokens.cls_attention.sum()).backward()
        left = [n for n, p in backbone.named_parameters() if p.grad is None]
        assert left == [], case


@pytest.mark.parametrize('case', ['DeiT', 'DINOv3', 'EVA-02', 'BEiT'])
def test_autocast(case):
    backbone, patch = build(case)
    inputs = torch.randn(2, 3, 4 * patch, 4 * patch)
    with torch.no_grad():
        expected = features(backbone, inputs).cls_attention
        with torch.autocast('cpu', dtype=torch.bfloat16):
            rows = features(backbone, inputs).cls_attention
    torch.testing.assert_close(rows.float(), expected, rtol=0.2, atol=0.05)


def test_an_environment_without_fused_attention(monkeypatch):
    """Ours is fused whatever timm's switch says, so that the tap is there."""
    import timm.layers.config as config

    monkeypatch.setattr(config, '_USE_FUSED_ATTN', 0)
    stock = timm.create_model('deit_tiny_patch16_224', depth=1)
    assert not stock.blocks[0].attn.fused_attn
    backbone, _ = build('DeiT')
    assert features(backbone, torch.randn(1, 3, 64, 64)).patch.shape[1] == 32


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(model_name='vit_base_patch16_siglip_224'), 'siglip.*no class'),
        (dict(model_name='swin_tiny_patch4_window7_224'), 'swin_transformer'),
        (dict(model_name='vit_smal_patch16'), "no model 'vit_smal_patch16'"),
        (
            dict(model_name='vit_small_patch16_224', patch_drop_rate=0.5),
            'patch_drop_rate',
        ),
    ],
)
def test_models_without_class_token_or_global_attention(options, words):
    with pytest.raises(ValueError, match=words):
        MODELS.build(dict(type='TSCAMTimm', depth=1, **options))
