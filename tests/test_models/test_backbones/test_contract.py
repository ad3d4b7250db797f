# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What every registered backbone must do, whatever it is made of."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn

from projects.scm.structures import TokenFeatures

LAYERS = 3
TIMM = dict(type='TSCAMTimm', embed_dim=32, depth=LAYERS, num_heads=2)
CONFORMER = dict(embed_dims=32, depths=3, num_heads=2, channel_ratio=0.25)
# Options by name; what differs from the type is after a dot.
CASES = {
    'TSCAMViT': {},
    'TSCAMDistilledViT': {},
    'PatchAttentionViT': {},
    'TSCAMDeiT3': {},
    'TSCAMBEiT': dict(use_abs_pos_emb=True, use_rel_pos_bias=False),
    'TSCAMBEiT.bias': {},
    'TSCAMEVA02': {},
    'TSCAMConformer': dict(arch=CONFORMER, base_channels=64, mlp_ratio=2),
    'TSCAMTimm.vit': dict(model_name='vit_small_patch16_224', **TIMM),
    'TSCAMTimm.dinov3': dict(model_name='vit_small_patch16_dinov3', **TIMM),
    'PatchAttentionTimm': dict(
        TIMM, type='PatchAttentionTimm', model_name='vit_small_patch16_224'
    ),
    'TSCAMTimm.beit': dict(model_name='beit_base_patch16_224', **TIMM),
}
GRIDS = [(4, 4), (3, 5), (7, 7), (37, 37)]


def build(case, grid, tiny_arch):
    options = dict(CASES[case])
    kind = case.partition('.')[0]
    size = (16 * grid[0], 16 * grid[1])
    if kind.endswith('Timm'):
        pytest.importorskip('timm')
        options['img_size'] = size
    elif kind != 'TSCAMConformer':
        options.update(arch=tiny_arch, img_size=size)
    if case == 'TSCAMEVA02' and grid[0] != grid[1]:
        pytest.skip('its rotary embedding knows square grids')
    torch.manual_seed(0)
    backbone = MODELS.build(dict(dict(type=kind), **options)).eval()
    for parameter in backbone.parameters():
        if parameter.dim() != 1:  # norms and layer scales stay
            nn.init.normal_(parameter, std=0.1)
    return backbone, size


def features(backbone, inputs):
    tokens = backbone(inputs)[-1]
    assert isinstance(tokens, TokenFeatures)
    return tokens


def queries_and_keys(layer):
    return layer.attn.qkv.weight.grad.chunk(3)[:2]


@pytest.fixture(params=CASES)
def case(request):
    return request.param


MAPS = ('LeGrad', 'Rollout')


def test_every_registered_backbone_is_here():
    registered = {
        name
        for name, kind in MODELS.module_dict.items()
        if kind.__module__.startswith('projects.scm.models.backbones')
    }
    # What gives ready maps in place of rows of attention is tested in
    # test_maps_without_training.py.
    maps = {name for name in registered if name.startswith(MAPS)}
    assert len(maps) == 4
    assert registered - maps == {name.partition('.')[0] for name in CASES}


@pytest.mark.parametrize('grid', GRIDS)
def test_shapes_and_range(case, grid, tiny_arch):
    backbone, size = build(case, grid, tiny_arch)
    with torch.no_grad():
        tokens = features(backbone, torch.randn(1, 3, *size))
    layers = len(backbone.layers)
    assert tokens.patch.shape == (1, 32, *grid)
    assert tokens.cls_attention.shape == (1, layers, *grid)
    assert tokens.cls_token.shape == (1, 32)
    assert tokens.input_hw == size
    share = tokens.cls_attention.sum((2, 3))
    assert (tokens.cls_attention >= 0).all()
    assert (share < 1).all()
    assert (share > 0).all()


def test_rows_sum_to_one_with_those_of_the_extra_tokens(case, tiny_arch):
    backbone, size = build(case, (4, 4), tiny_arch)
    rows = []
    for tap in backbone._taps:
        put = tap.put
        tap.put = lambda row, put=put: (rows.append(row), put(row))
    with torch.no_grad():
        tokens = features(backbone, torch.randn(2, 3, *size))
    assert len(rows) == len(backbone.layers)
    extra = backbone.num_extra_tokens
    for row, shown in zip(rows, tokens.cls_attention.unbind(1), strict=True):
        torch.testing.assert_close(row.sum(-1), torch.ones(2))
        assert torch.equal(row[:, extra:].unflatten(-1, (4, 4)), shown)


def test_the_grid_is_row_major(case, tiny_arch):
    """A bright patch changes most what is at its place, or, where there are
    convolutions before, beside it."""
    backbone, size = build(case, (4, 4), tiny_arch)
    image = torch.zeros(1, 3, *size)
    image[..., 32:48, 16:32] = 5.0  # row 2, column 1
    with torch.no_grad():
        change = features(backbone, image).patch
        change = change - features(backbone, torch.zeros_like(image)).patch
    row, column = divmod(int(change.norm(dim=1)[0].argmax()), 4)
    reach = 1 if case == 'TSCAMConformer' else 0
    assert abs(row - 2) <= reach
    assert abs(column - 1) <= reach


def test_gradients_reach_queries_and_keys(case, tiny_arch):
    backbone, size = build(case, (4, 4), tiny_arch)
    tokens = features(backbone.train(), torch.randn(2, 3, *size))
    weights = torch.randn_like(tokens.cls_attention)
    (tokens.cls_attention * weights).sum().backward()
    for layer in backbone.layers:
        for gradient in queries_and_keys(layer):
            assert gradient.abs().sum() > 0


def test_autocast(case, tiny_arch):
    backbone, size = build(case, (4, 4), tiny_arch)
    inputs = torch.randn(2, 3, *size)
    with torch.no_grad():
        expected = features(backbone, inputs).cls_attention
        with torch.autocast('cpu', dtype=torch.bfloat16):
            found = features(backbone, inputs).cls_attention
    torch.testing.assert_close(found.float(), expected, rtol=0.2, atol=0.03)


def test_two_threads_at_once(case, tiny_arch):
    """Each waits in every layer until the other is there."""
    backbone, size = build(case, (4, 4), tiny_arch)
    images = torch.randn(2, 1, 3, *size)
    with torch.no_grad():
        expected = [features(backbone, image) for image in images]
    met = threading.Barrier(2)

    def meet(*_):
        met.wait(10)

    for layer in backbone.layers:
        layer.register_forward_hook(meet)

    def run(image):
        with torch.no_grad():  # a thread's own
            return features(backbone, image)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(run, images))
    for mine, own in zip(found, expected, strict=True):
        torch.testing.assert_close(mine.cls_attention, own.cls_attention)
        torch.testing.assert_close(mine.patch, own.patch)


@pytest.mark.parametrize(
    'case',
    ['TSCAMViT', 'TSCAMConformer', 'TSCAMTimm.dinov3', 'TSCAMTimm.beit'],
)
def test_export(case, tiny_arch):
    backbone, size = build(case, (3, 5), tiny_arch)
    inputs = torch.randn(1, 3, *size)
    with torch.no_grad():
        exported = torch.export.export(backbone, (inputs,)).module()
        found, own = exported(inputs)[-1], features(backbone, inputs)
    torch.testing.assert_close(found.cls_attention, own.cls_attention)
    torch.testing.assert_close(found.patch, own.patch)


def test_a_missing_timm_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    monkeypatch.setitem(sys.modules, 'timm.models', None)
    with pytest.raises(ImportError, match='pip install timm'):
        MODELS.build(dict(TIMM, model_name='vit_small_patch16_224'))
