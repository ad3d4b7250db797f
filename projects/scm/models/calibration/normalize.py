# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Scalings of maps that stay exact where the plain formulas break down."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# z − tanh z = z³ (1/3 − 2z²/15 + 17z⁴/315 − …), used for |z| < 0.1, where the
# difference cancels. The first term left out is below 1e-15 of the sum there.
_SERIES = (
    929569 / 638512875,
    -21844 / 6081075,
    1382 / 155925,
    -62 / 2835,
    17 / 315,
    -2 / 15,
    1 / 3,
)
_SERIES_BOUND = 0.1


class _TanhShrink(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        tanh = torch.tanh(z)
        ctx.save_for_backward(tanh)
        square = z.square()
        series = torch.full_like(z, _SERIES[0])
        for coefficient in _SERIES[1:]:
            series = series * square + coefficient
        series = series * square * z
        return torch.where(z.abs() < _SERIES_BOUND, series, z - tanh)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (tanh,) = ctx.saved_tensors
        return grad * tanh.square()


def tanh_shrink(z: Tensor) -> Tensor:
    """Compute z − tanh z, accurate to rounding for small z as well.

    The plain difference loses all digits below |z| ≈ 1e-3 in float32, which
    turns into NaN once the result is min-max scaled.

    Args:
        z (Tensor): Any floating shape.

    Returns:
        Tensor: Same shape and dtype.
    """
    return _TanhShrink.apply(z)


def min_max(x: Tensor) -> Tensor:
    """Scale every image to [0, 1] by its own minimum and maximum.

    Args:
        x (Tensor): Shape (B, ...), floating.

    Returns:
        Tensor: Same shape; zeros (and zero gradient) where an image is
        constant.
    """
    axes = tuple(range(1, x.dim()))
    low = x.amin(axes, keepdim=True)
    extent = x.amax(axes, keepdim=True) - low
    # Below this a reciprocal could overflow in the gradient.
    regular = extent > torch.finfo(x.dtype).tiny ** 0.75
    scaled = (x - low) / torch.where(regular, extent, 1)
    return torch.where(regular, scaled, 0)
