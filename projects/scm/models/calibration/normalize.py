# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Scalings of maps that stay exact where the plain formulas break down."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# tanh z = z / (1 + u) with the continued fraction u = z² / (3 + z² / (5 + …)),
# here down to this denominator: exact to rounding for |z| <= 1.
_LAST_DENOMINATOR = 19


def _continued_fraction(z: Tensor) -> tuple[Tensor, Tensor]:
    """Return u as above, and v with u = z² / (3 + v)."""
    square = z.square()
    rest = square / _LAST_DENOMINATOR
    for denominator in range(_LAST_DENOMINATOR - 2, 3, -2):
        rest = square / (denominator + rest)
    return square / (3 + rest), rest


class _TanhShrink(torch.autograd.Function):
    """z − tanh z of z = x / scale, for results whose own scale is dropped.

    For small z, z − tanh z is nearly z³ / 3, which ``scale`` only scales: its
    gradient is what is left when terms cancel that are larger by 1 / z². As
    Σ grad · (z − tanh z) = 0 if the scale of the result does not matter, any
    multiple of it may be added. Three times leaves no cancellation.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:
        z = x / scale
        u, v = _continued_fraction(z)
        small = z.abs() <= 1
        shrunk = torch.where(small, z * u / (1 + u), z - torch.tanh(z))
        square = (z - shrunk).square()  # of tanh z
        # 3 (z − tanh z) − z tanh² z
        rest = torch.where(
            small,
            z * u * (3 * u - v) / (1 + u).square(),
            3 * shrunk - z * square,
        )
        ctx.save_for_backward(square / scale, rest / scale)
        return shrunk

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        pull, rest = ctx.saved_tensors
        return grad * pull, (grad * rest).sum(1, keepdim=True)


def filter_activation(x: Tensor, scale: Tensor) -> Tensor:
    """Compute min-max(z − tanh z) with z = x / scale.

    The plain difference loses all digits below |z| ≈ 1e-3 in float32, which
    turns into NaN once the result is min-max scaled, and loses the gradient
    of ``scale`` even before. Here both are accurate to rounding.

    Args:
        x (Tensor): Shape (B, N), floating.
        scale (Tensor): Shape (B, 1), not zero.

    Returns:
        Tensor: Shape (B, N), in [0, 1]; zeros where a row is constant.
    """
    return min_max(_TanhShrink.apply(x, scale))


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
