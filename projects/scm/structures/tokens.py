# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What a backbone hands to a localisation head."""

from typing import NamedTuple

from torch import Tensor


class TokenFeatures(NamedTuple):
    """Patch tokens and class-token attention of a vision transformer.

    The one contract between backbones and heads: a backbone that returns
    ``(TokenFeatures(...),)`` works with every head of this project.

    Attributes:
        patch (Tensor): Patch tokens after the last norm as a map,
            shape (B, D, h, w).
        cls_attention (Tensor): How much the class token attends to each
            patch in each of K layers: post-softmax, mean over heads,
            shape (B, K, h, w), values in [0, 1]. What is missing to a sum of
            1 goes to the class token (and other extra tokens).
    """

    patch: Tensor
    cls_attention: Tensor
