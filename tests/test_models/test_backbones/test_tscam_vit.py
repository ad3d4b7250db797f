# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""One contract for every backbone that gives tokens and attention."""

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.models.backbones import (
    BEiTViT,
    DeiT3,
    DistilledVisionTransformer,
    SwinTransformer,
    VisionTransformer,
    ViTEVA02,
)
from mmpretrain.models.utils import MultiheadAttention
from mmpretrain.registry import MODELS

from projects.scm.models.backbones.attention_tap import (
    DropoutTap,
    attach_taps,
)
from projects.scm.structures import TokenFeatures

CASES = {
    'TSCAMViT': (VisionTransformer, {}),
    'TSCAMDistilledViT': (DistilledVisionTransformer, {}),
    'TSCAMDeiT3': (DeiT3, {}),
    'TSCAMBEiT': (
        BEiTViT,
        dict(use_abs_pos_emb=True, use_rel_pos_bias=False),
    ),
    'TSCAMEVA02': (ViTEVA02, {}),
}
FIXED_SIZE = {'TSCAMEVA02'}  # its rotary embedding knows one grid


@pytest.fixture(params=list(CASES))
def case(request, tiny_arch):
    parent, options = CASES[request.param]
    torch.manual_seed(0)
    options = dict(arch=tiny_arch, img_size=64, **options)
    backbone = MODELS.build(dict(type=request.param, **options))
    backbone.init_weights()
    return backbone.eval(), parent, options


def features(backbone, inputs):
    (tokens,) = backbone(inputs)
    assert isinstance(tokens, TokenFeatures)
    return tokens


def test_shapes_and_range(case):
    backbone, _, _ = case
    tokens = features(backbone, torch.randn(2, 3, 64, 64))
    assert tokens.patch.shape == (2, 32, 4, 4)
    assert tokens.cls_attention.shape == (2, 3, 4, 4)
    share = tokens.cls_attention.sum((2, 3))
    assert (tokens.cls_attention >= 0).all()
    assert (share < 1).all()  # the rest goes to the extra tokens
    assert (share > 0.5).all()


def test_weights_and_patch_tokens_are_those_of_the_parent(case):
    backbone, parent, options = case
    stock = parent(out_type='featmap', final_norm=True, **options)
    stock.eval()
    assert stock.state_dict().keys() == backbone.state_dict().keys()
    stock.load_state_dict(backbone.state_dict(), strict=True)
    inputs = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(
        features(backbone, inputs).patch,
        stock(inputs)[0],
        rtol=1e-4,
        atol=1e-5,
    )


def test_class_token_and_size_of_the_input(case):
    backbone, parent, options = case
    stock = parent(out_type='cls_token', final_norm=True, **options)
    stock.load_state_dict(backbone.state_dict(), strict=True)
    stock.eval()
    inputs = torch.randn(2, 3, 64, 64)
    tokens = features(backbone, inputs)
    expected = stock(inputs)[0]
    if isinstance(expected, tuple):  # class and distillation token
        expected = expected[0]
    torch.testing.assert_close(
        tokens.cls_token, expected, rtol=1e-4, atol=1e-5
    )
    assert tokens.input_hw == (64, 64)


def test_tokens_before_the_last_norm(case):
    """The norm of what is given before it is what is given after it."""
    backbone, _, options = case
    raw = type(backbone)(final_norm=False, **options).eval()
    # A file has the norm's weights: they are passed over.
    raw.load_state_dict(backbone.state_dict(), strict=True)
    assert 'ln1.weight' not in raw.state_dict()
    torch.nn.init.uniform_(backbone.ln1.weight)
    inputs = torch.randn(2, 3, 64, 64)
    before, after = features(raw, inputs), features(backbone, inputs)
    torch.testing.assert_close(
        backbone.ln1(before.patch.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        after.patch,
    )
    torch.testing.assert_close(backbone.ln1(before.cls_token), after.cls_token)
    torch.testing.assert_close(before.cls_attention, after.cls_attention)


@torch.no_grad()
def test_threads_do_not_see_each_others_attention(case):
    backbone, _, _ = case
    images = torch.randn(2, 1, 3, 64, 64)
    expected = [features(backbone, image).cls_attention for image in images]
    met = threading.Barrier(2)

    def meet(*_):
        met.wait(10)

    hooks = [layer.register_forward_hook(meet) for layer in backbone.layers]

    def run(image):
        # The mode of autograd is a thread's own, too.
        with torch.no_grad():
            return features(backbone, image).cls_attention

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(run, images))
    for hook in hooks:
        hook.remove()
    for mine, own in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, own)


def test_copies_start_with_no_attention(case):
    backbone, _, _ = case
    features(backbone, torch.randn(1, 3, 64, 64))
    backbone._taps[0].put(torch.zeros(1, 17))
    for other in (
        copy.deepcopy(backbone._taps[0]),
        pickle.loads(pickle.dumps(backbone._taps[0])),
    ):
        with pytest.raises(RuntimeError, match='did not run'):
            other.take()


def test_rows_are_the_softmax_of_the_class_query(case):
    """Recomputed from q and k of the last layer, by a hook on its input."""
    backbone, parent, _ = case
    if parent not in (VisionTransformer, DistilledVisionTransformer, DeiT3):
        pytest.skip('has explicit weights; see the sum to 1 below')
    seen = {}
    attention = backbone.layers[-1].attn
    attention.register_forward_hook(
        lambda module, args, out: seen.update(x=args[0])
    )
    tokens = features(backbone, torch.randn(2, 3, 64, 64))

    x = seen['x']
    qkv = attention.qkv(x).unflatten(-1, (3, 2, 16)).permute(2, 0, 3, 1, 4)
    weights = F.softmax(qkv[0] @ qkv[1].mT / 4, -1)  # sqrt(16) = 4
    row = weights[:, :, 0].mean(1)
    torch.testing.assert_close(row.sum(-1), torch.ones(2))
    expected = row[:, backbone.num_extra_tokens :].unflatten(-1, (4, 4))
    torch.testing.assert_close(tokens.cls_attention[:, -1], expected)


def test_rows_are_those_of_explicit_weights(case):
    backbone, _, _ = case
    if not isinstance(backbone._taps[0], DropoutTap):
        pytest.skip('has fused attention; see above')
    seen = []
    for tap in backbone._taps:
        tap.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    tokens = features(backbone, torch.randn(2, 3, 64, 64))
    rows = torch.stack([weights[:, :, 0].mean(1) for weights in seen], 1)
    expected = rows[..., backbone.num_extra_tokens :].unflatten(-1, (4, 4))
    torch.testing.assert_close(tokens.cls_attention, expected)


def test_taken_rows_sum_to_one(case):
    backbone, _, _ = case
    rows = []
    for tap in backbone._taps:
        take = tap.take
        tap.take = lambda take=take: rows.append(take()) or rows[-1]
    features(backbone, torch.randn(2, 3, 64, 64))
    for row in rows:
        assert row.shape == (2, 16 + backbone.num_extra_tokens)
        torch.testing.assert_close(row.sum(-1), torch.ones(2))


def test_gradients_reach_queries_and_keys(case):
    backbone, _, _ = case
    tokens = features(backbone.train(), torch.randn(2, 3, 64, 64))
    weights = torch.randn(2, 3, 4, 4)
    (tokens.cls_attention * weights).sum().backward()
    for layer in backbone.layers:
        grad = layer.attn.qkv.weight.grad
        assert grad[:32].abs().sum() > 0  # q
        assert grad[32:64].abs().sum() > 0  # k


def test_sizes_other_than_the_trained_one(case):
    backbone, _, _ = case
    if type(backbone).__name__ in FIXED_SIZE:
        pytest.skip('rotary embedding of a fixed grid')
    tokens = features(backbone, torch.randn(1, 3, 48, 96))
    assert tokens.patch.shape == (1, 32, 3, 6)
    assert tokens.cls_attention.shape == (1, 3, 3, 6)
    assert tokens.input_hw == (48, 96)


def test_map_is_row_major_for_non_square_inputs(case):
    """A bright patch in the picture moves what is at its place in the map."""
    backbone, _, _ = case
    if type(backbone).__name__ in FIXED_SIZE:
        pytest.skip('rotary embedding of a fixed grid')
    image = torch.zeros(1, 3, 48, 96)
    image[..., 32:48, 16:32] = 5.0  # row 2, column 1
    plain = features(backbone, torch.zeros_like(image)).patch
    change = (features(backbone, image).patch - plain).norm(dim=1)[0]
    assert divmod(int(change.argmax()), 6) == (2, 1)


def test_autocast(case):
    backbone, _, _ = case
    inputs = torch.randn(2, 3, 64, 64)
    expected = features(backbone, inputs)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        tokens = features(backbone, inputs)
    torch.testing.assert_close(
        tokens.cls_attention.float(),
        expected.cls_attention,
        rtol=0.1,
        atol=0.02,
    )


def test_state_survives_a_file(case, tmp_path):
    backbone, _, options = case
    torch.save(backbone.state_dict(), tmp_path / 'weights.pth')
    other = type(backbone)(**options).eval()
    other.load_state_dict(
        torch.load(tmp_path / 'weights.pth', weights_only=True), strict=True
    )
    inputs = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(
        features(other, inputs).cls_attention,
        features(backbone, inputs).cls_attention,
    )


def test_mode_setters_return_the_module(case):
    backbone, _, _ = case
    assert backbone.eval() is backbone
    assert backbone.train() is backbone


@pytest.mark.parametrize(
    ('option', 'value'),
    [
        ('with_cls_token', False),
        ('out_type', 'cls_token'),
        ('out_indices', (0, 2)),
    ],
)
def test_options_that_leave_no_attention_maps(tiny_arch, option, value):
    with pytest.raises(ValueError, match=f'{option}='):
        MODELS.build(dict(type='TSCAMViT', arch=tiny_arch, **{option: value}))


def test_attention_scale(tiny_arch):
    """The official ViT-S scales by embed_dims, not by a head's channels."""
    torch.manual_seed(0)
    plain = MODELS.build(dict(type='TSCAMViT', arch=tiny_arch, img_size=64))
    same = MODELS.build(
        dict(
            type='TSCAMViT',
            arch=tiny_arch,
            img_size=64,
            attention_scale=16**-0.5,
        )
    )
    cold = MODELS.build(
        dict(
            type='TSCAMViT', arch=tiny_arch, img_size=64, attention_scale=1e-9
        )
    )
    same.load_state_dict(plain.state_dict())
    cold.load_state_dict(plain.state_dict())
    inputs = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(
        features(same.eval(), inputs).cls_attention,
        features(plain.eval(), inputs).cls_attention,
    )
    torch.testing.assert_close(
        features(cold.eval(), inputs).cls_attention,
        torch.full((1, 3, 4, 4), 1 / 17),
    )


def test_the_hosts_broken_scale_is_refused():
    layer = torch.nn.Module()
    layer.attn = MultiheadAttention(32, 2, qk_scale=0.25)
    with pytest.raises(ValueError, match='attention_scale'):
        attach_taps([layer])


def test_windowed_attention_is_refused():
    swin = SwinTransformer(arch='tiny')
    with pytest.raises(TypeError, match='class-token attention'):
        attach_taps(swin.stages[0].blocks)


def test_memory_is_linear_in_tokens(tiny_arch):
    """Nothing N×N is kept: the largest saved tensor grows as N does."""
    backbone = MODELS.build(
        dict(type='TSCAMViT', arch=tiny_arch, img_size=64)
    ).train()

    def largest(size):
        sizes = [0]
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x: sizes.append(x.numel()) or x, lambda x: x
        ):
            backbone(torch.randn(1, 3, size, size))
        return max(sizes)

    assert largest(512) <= 1.1 * 16 * largest(128)
