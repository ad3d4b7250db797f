# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What a backbone hands to a localisation head."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class TokenFeatures(NamedTuple):
    """Patch tokens and class-token attention of a vision transformer.

    The one contract between backbones and heads: a backbone that returns
    ``(TokenFeatures(...),)`` works with every head of this project.

    Attributes:
        patch (Tensor): Patch tokens as a map, shape (B, D, h, w), after
            the backbone's last norm, or before it if the backbone was built
            with ``final_norm=False``.
        cls_attention (Tensor): How much the class token attends to each
            patch in each of K layers: post-softmax, mean over heads,
            shape (B, K, h, w), values in [0, 1]. What is missing to a sum of
            1 goes to the class token (and other extra tokens).
        cls_token (Tensor, optional): Embedding of the class token, shape
            (B, D), on the same side of the last norm as ``patch``. None where
            a backbone does not give it.
        input_hw (tuple[int, int], optional): Height and width of the
            pictures that the backbone was given, padding included. None where
            a backbone does not tell.
        patch_attention (Tensor, optional): How much each patch attends to
            each patch in each of K layers: post-softmax, mean over heads,
            shape (B, K, h·w, h·w), in raster order. None but for backbones
            made for it.
    """

    patch: Tensor
    cls_attention: Tensor
    cls_token: Tensor | None = None
    input_hw: tuple[int, int] | None = None
    patch_attention: Tensor | None = None
