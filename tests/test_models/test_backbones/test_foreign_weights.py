# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Files as timm and Hugging Face write them give the tokens of their models.

Needs ``pip install timm transformers safetensors`` and ``pytest -m
optional``; each test is skipped where its package is missing.
"""

import pytest
import torch
from mmengine.runner import load_checkpoint
from mmpretrain.registry import MODELS
from torch import nn

pytestmark = pytest.mark.optional

TIMM_TINY = dict(embed_dim=32, depth=2, num_heads=2)
MM_TINY = dict(
    embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=128
)
HF_TINY = dict(
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=128,
)


def randomize(model):
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.eval()


def save(weights, path):
    """Write a file, and read it back as a test of nothing but names."""
    if path.suffix == '.safetensors':
        files = pytest.importorskip('safetensors.torch')
        tensors = {k: v.contiguous() for k, v in weights.items()}
        files.save_file(tensors, str(path))
    else:
        torch.save(weights, path)
    return path


def read(path):
    if path.suffix == '.safetensors':
        return pytest.importorskip('safetensors.torch').load_file(str(path))
    return torch.load(path, weights_only=True)


def load(backbone, weights):
    """Load all of it: what is missing or unknown fails the test."""
    backbone.load_state_dict(weights, strict=True)
    return backbone.eval()


def timm_backbone(name, **options):
    return MODELS.build(
        dict(type='TSCAMTimm', model_name=name, **{**TIMM_TINY, **options})
    )


def assert_tokens(backbone, inputs, expected):
    """Patch tokens are the last of ``expected`` (B, N, D)."""
    with torch.no_grad():
        (tokens,) = backbone(inputs)
    found = tokens.patch.flatten(2).mT
    torch.testing.assert_close(
        found, expected[:, -found.size(1) :], rtol=0, atol=1e-5
    )


# What a file of timm is of, and the backbones that read it.
TIMM_FILES = {
    'deit_small_patch16_224': dict(type='TSCAMViT'),
    'deit_small_distilled_patch16_224': dict(type='TSCAMDistilledViT'),
    'vit_small_patch16_224': dict(type='TSCAMViT'),
    'deit3_small_patch16_224': dict(type='TSCAMDeiT3'),
    'vit_small_patch14_dinov2': dict(
        type='TSCAMViT', layer_scale_init_value=1e-5
    ),
    'vit_small_patch14_reg4_dinov2': None,
    'vit_small_patch16_dinov3': None,
    'vit_small_patch16_dinov3_qkvb': None,
    'eva02_tiny_patch14_224': None,
    'eva02_base_patch14_448': None,
    'beit_base_patch16_224': None,
}


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize('name', TIMM_FILES)
def test_files_of_timm(tmp_path, name, suffix):
    timm = pytest.importorskip('timm')
    patch = 14 if 'patch14' in name else 16
    size = 4 * patch
    stock = timm.create_model(name, img_size=size, num_classes=7, **TIMM_TINY)
    if isinstance(stock.norm, nn.Identity):
        # A head that pools tokens: see the docstring of TSCAMTimm.
        stock.forward_features = lambda x, inner=stock.forward_features: (
            stock.fc_norm(inner(x))
        )
    randomize(stock)
    inputs = torch.randn(2, 3, size, size)
    with torch.no_grad():
        expected = stock.forward_features(inputs)
    path = save(stock.state_dict(), tmp_path / f'weights{suffix}')
    backbone = load(timm_backbone(name, img_size=size), read(path))
    assert_tokens(backbone, inputs, expected)
    if TIMM_FILES[name] is not None:
        backbone = MODELS.build(
            dict(
                **TIMM_FILES[name],
                arch=MM_TINY,
                img_size=size,
                patch_size=patch,
            )
        )
        assert_tokens(load(backbone, read(path)), inputs, expected)


@pytest.mark.parametrize(
    ('name', 'mm'),
    [
        ('deit_small_patch16_224', 'TSCAMViT'),
        ('deit3_small_patch16_224', 'TSCAMDeiT3'),
    ],
)
def test_position_embeddings_are_resized_as_timm_does(name, mm):
    """With antialiasing, to fewer and to more patches."""
    timm = pytest.importorskip('timm')
    stock = randomize(timm.create_model(name, img_size=128, **TIMM_TINY))
    for size in (64, 160):
        wanted = timm.create_model(name, img_size=size, **TIMM_TINY).eval()
        resize = timm.models.vision_transformer.checkpoint_filter_fn
        wanted.load_state_dict(resize(stock.state_dict(), wanted))
        inputs = torch.randn(1, 3, size, size)
        with torch.no_grad():
            expected = wanted.forward_features(inputs)
        ours = (
            timm_backbone(name, img_size=size),
            MODELS.build(dict(type=mm, arch=MM_TINY, img_size=size)),
        )
        for backbone in ours:
            assert_tokens(load(backbone, stock.state_dict()), inputs, expected)


def official_dinov2(weights):
    """As DINOv2 names what timm has: registers, a token for masking."""
    named = dict(weights)
    named['mask_token'] = torch.ones(1, 32)
    if 'reg_token' in named:
        named['register_tokens'] = named.pop('reg_token')
        class_place = torch.randn(1, 1, 32)
        named['pos_embed'] = torch.cat([class_place, named['pos_embed']], 1)
        named['cls_token'] = named['cls_token'] - class_place
    return named


@pytest.mark.parametrize(
    'name', ['vit_small_patch14_dinov2', 'vit_small_patch14_reg4_dinov2']
)
def test_files_of_dinov2_itself(name):
    timm = pytest.importorskip('timm')
    stock = randomize(timm.create_model(name, img_size=56, **TIMM_TINY))
    inputs = torch.randn(1, 3, 56, 56)
    with torch.no_grad():
        expected = stock.forward_features(inputs)
    backbone = timm_backbone(name, img_size=56)
    load(backbone, official_dinov2(stock.state_dict()))
    assert_tokens(backbone, inputs, expected)


@pytest.mark.parametrize('biases', [True, False])
def test_files_of_dinov3_itself(biases):
    """Keys have a bias that a mask covers; rotary periods are computed."""
    timm = pytest.importorskip('timm')
    name = 'vit_small_patch16_dinov3' + '_qkvb' * biases
    stock = randomize(timm.create_model(name, img_size=64, **TIMM_TINY))
    inputs = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = stock.forward_features(inputs)
    official = {
        'mask_token': torch.ones(1, 32),
        'rope_embed.periods': torch.ones(4),
        'local_cls_norm.weight': torch.ones(32),
    }
    for key, value in stock.state_dict().items():
        key = key.replace('reg_token', 'storage_tokens')
        key = key.replace('gamma_1', 'ls1.gamma').replace(
            'gamma_2', 'ls2.gamma'
        )
        official[key] = value
    for start in ('blocks.0.attn.', 'blocks.1.attn.'):
        zeros = torch.zeros(32)
        parts = [official.pop(f'{start}q_bias', zeros), torch.ones(32)]
        parts.append(official.pop(f'{start}v_bias', zeros))
        official[f'{start}qkv.bias'] = torch.cat(parts)
        official[f'{start}qkv.bias_mask'] = torch.full((96,), torch.nan)
    backbone = timm_backbone(name, img_size=64)
    load(backbone, official)
    assert_tokens(backbone, inputs, expected)


def test_layer_scale_is_not_dropped():
    """A backbone without it names what it has no place for."""
    timm = pytest.importorskip('timm')
    stock = timm.create_model(
        'vit_small_patch14_dinov2', img_size=56, **TIMM_TINY
    )
    backbone = MODELS.build(
        dict(type='TSCAMViT', arch=MM_TINY, img_size=56, patch_size=14)
    )
    with pytest.raises(RuntimeError, match=r'Unexpected.*gamma1\.weight'):
        backbone.load_state_dict(stock.state_dict(), strict=True)


# Model and config class of transformers, options, and backbones that read it.
HUGGING_FACE = {
    'ViT': (
        'ViT',
        dict(patch_size=16, layer_norm_eps=1e-6),
        [('TSCAMViT', {}), ('vit_small_patch16_224', {})],
    ),
    'DeiT': (
        'DeiT',
        dict(patch_size=16, layer_norm_eps=1e-6),
        [
            ('TSCAMDistilledViT', {}),
            ('deit_small_distilled_patch16_224', {}),
        ],
    ),
    'DINOv2': (
        'Dinov2',
        dict(patch_size=14),
        [
            ('TSCAMViT', dict(layer_scale_init_value=1e-5)),
            ('vit_small_patch14_dinov2', {}),
        ],
    ),
    'DINOv2 registers': (
        'Dinov2WithRegisters',
        dict(patch_size=14, num_register_tokens=4),
        [('vit_small_patch14_reg4_dinov2', {})],
    ),
    'DINOv3': (
        'DINOv3ViT',
        dict(patch_size=16, num_register_tokens=4),
        [('vit_small_patch16_dinov3_qkvb', {})],
    ),
    'DINOv3 gated': (
        'DINOv3ViT',
        dict(patch_size=16, num_register_tokens=4, use_gated_mlp=True)
        | dict(hidden_act='silu'),
        [('vit_small_plus_patch16_dinov3_qkvb', {})],
    ),
}


def hugging_face(case):
    transformers = pytest.importorskip('transformers')
    name, options, readers = HUGGING_FACE[case]
    size = 4 * options['patch_size']
    try:
        kind = getattr(transformers, f'{name}Model')
        config = getattr(transformers, f'{name}Config')
    except AttributeError:
        pytest.skip(f'transformers {transformers.__version__} has no {name}')
    config = config(
        **HF_TINY,
        **options,
        image_size=size,
        mlp_ratio=4,
        attn_implementation='eager',
    )
    return randomize(kind(config)), size, options['patch_size'], readers


def hugging_face_backbone(kind, options, size, patch):
    if not kind.startswith('TSCAM'):
        pytest.importorskip('timm')
        return timm_backbone(kind, img_size=size, **options)
    return MODELS.build(
        dict(
            type=kind, arch=MM_TINY, img_size=size, patch_size=patch, **options
        )
    )


@pytest.mark.parametrize('where', ['file', 'memory'])
@pytest.mark.parametrize('case', HUGGING_FACE)
def test_weights_of_hugging_face(tmp_path, case, where):
    """Names in files are not those in memory, since transformers 5."""
    stock, size, patch, readers = hugging_face(case)
    weights = stock.state_dict()
    if where == 'file':
        stock.save_pretrained(tmp_path)
        weights = read(tmp_path / 'model.safetensors')
    inputs = torch.randn(2, 3, size, size)
    with torch.no_grad():
        expected = stock(inputs).last_hidden_state
    for kind, options in readers:
        backbone = hugging_face_backbone(kind, options, size, patch)
        assert_tokens(load(backbone, dict(weights)), inputs, expected)


@pytest.mark.parametrize('case', ['ViT', 'DINOv2', 'DINOv2 registers'])
def test_position_embeddings_are_resized_as_hugging_face_does(case):
    stock, _, patch, readers = hugging_face(case)
    size = 3 * patch
    inputs = torch.randn(1, 3, size, size)
    options = dict(interpolate_pos_encoding=True) if case == 'ViT' else {}
    with torch.no_grad():
        expected = stock(inputs, **options).last_hidden_state
    for kind, other in readers:
        backbone = hugging_face_backbone(kind, other, size, patch)
        load(backbone, stock.state_dict())
        assert_tokens(backbone, inputs, expected)


def test_biases_of_keys_are_never_dropped():
    stock, size, patch, readers = hugging_face('DINOv3')
    pytest.importorskip('timm')
    weights = stock.state_dict()
    key = next(k for k in weights if k.endswith('k_proj.weight'))
    weights[key.replace('weight', 'bias')] = torch.ones(32)
    backbone = hugging_face_backbone(*readers[0], size, patch)
    with pytest.raises(RuntimeError, match=r'Unexpected.*qkv\.bias'):
        backbone.load_state_dict(weights, strict=True)


def test_init_cfg_reads_files_of_timm(tmp_path):
    timm = pytest.importorskip('timm')
    stock = randomize(
        timm.create_model('deit_tiny_patch16_224', img_size=64, **TIMM_TINY)
    )
    path = save({'model': stock.state_dict()}, tmp_path / 'deit.pth')
    backbone = timm_backbone('deit_tiny_patch16_224', img_size=64)
    backbone.init_cfg = dict(type='Pretrained', checkpoint=str(path))
    backbone.init_weights()
    inputs = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert_tokens(backbone.eval(), inputs, stock.forward_features(inputs))
    again = timm_backbone('deit_tiny_patch16_224', img_size=64)
    own = save({'state_dict': backbone.state_dict()}, tmp_path / 'own.pth')
    load_checkpoint(again, str(own), strict=True)
    for name, value in again.state_dict().items():
        assert torch.equal(value, backbone.state_dict()[name])
