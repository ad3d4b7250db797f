# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What taps record, against attention written out."""

import pytest
import torch
import torch.nn.functional as F

from projects.scm.models.backbones.attention_tap import (
    DropoutTap,
    FusedAttentionTap,
    TappedForward,
)


def attended(**options):
    """Queries, keys and values of 2 images, 3 heads, 5 tokens."""
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 3, 5, 4)
    weights = query @ key.mT * options.get('scale', 0.5)
    weights = (weights + options.get('mask', 0)).softmax(-1)
    return (query, key, value), weights, weights @ value


def test_dropout_tap_records_the_row_before_dropout():
    weights = attended()[1]
    tap = DropoutTap(0.5).train()
    torch.manual_seed(0)
    assert (tap(weights) == 0).any()
    torch.testing.assert_close(tap.take(), weights[:, :, 0].mean(1))


@pytest.mark.parametrize('scale', [0.5, 1.3])
def test_fused_tap_has_a_scale_and_a_mask(scale):
    mask = torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    inputs, weights, expected = attended(scale=scale, mask=mask)
    tap = FusedAttentionTap(None if scale == 0.5 else scale)
    torch.testing.assert_close(tap(*inputs, attn_mask=mask), expected)
    torch.testing.assert_close(tap.take(), weights[:, :, 0].mean(1))


def test_rows_are_taken_once():
    tap = FusedAttentionTap()
    tap(*attended()[0])
    tap.take()
    with pytest.raises(RuntimeError, match='did not run since'):
        tap.take()


def test_causal_attention_is_refused():
    with pytest.raises(ValueError, match='causal'):
        FusedAttentionTap()(*attended()[0], is_causal=True)


@pytest.mark.parametrize('times', [0, 1, 2])
def test_tapped_modules_attend_once(times):
    inputs, weights, expected = attended()

    def module(query, key, value):
        for _ in range(times):
            out = F.scaled_dot_product_attention(query, key, value)
        return out if times else query

    tap = FusedAttentionTap()
    run = TappedForward(module, tap)
    if times == 1:
        torch.testing.assert_close(run(*inputs), expected)
        torch.testing.assert_close(tap.take(), weights[:, :, 0].mean(1))
    else:
        with pytest.raises(TypeError, match=f'called it {times} times'):
            run(*inputs)
