# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Symmetric five-point operators on a grid, and products with them.

A symmetric matrix Λ over the N = h·w positions of a grid that couples only
4-neighbours has N diagonal entries and two lines of off-diagonals: with
row-major positions, the right neighbour lies at offset 1 and the one below at
offset w. It is kept as these three vectors and never as N×N numbers.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class GridOperator(NamedTuple):
    """A symmetric five-point operator for every image of a batch.

    Attributes:
        diagonal (Tensor): Shape (B, N).
        right (Tensor): Entry (i, i + 1), shape (B, N - 1); zero where
            position i ends a row of the grid.
        down (Tensor): Entry (i, i + w), shape (B, N - w).
    """

    diagonal: Tensor
    right: Tensor
    down: Tensor

    @property
    def width(self) -> int:
        """Columns w of the grid."""
        return self.diagonal.size(-1) - self.down.size(-1)

    def rows(self) -> 'GridOperator':
        """The same operator, broadcastable over a middle axis.

        :func:`grid_product` then takes (B, M, N) stacks of row vectors.
        """
        return GridOperator(*(part.unsqueeze(1) for part in self))


def grid_product(op: GridOperator, x: Tensor) -> Tensor:
    """Multiply by the operator along the last axis.

    Args:
        op (GridOperator): The operator Λ.
        x (Tensor): Vectors (B, N), or (B, M, N) with ``op.rows()``.

    Returns:
        Tensor: xΛ (= Λx, as Λ is symmetric), of the shape of ``x``.
    """
    w = op.width
    out = op.diagonal * x
    out[..., 1:].addcmul_(op.right, x[..., :-1])
    out[..., :-1].addcmul_(op.right, x[..., 1:])
    out[..., w:].addcmul_(op.down, x[..., :-w])
    out[..., :-w].addcmul_(op.down, x[..., w:])
    return out


def grid_dense(op: GridOperator) -> Tensor:
    """The operator as matrices (B, N, N)."""
    out = torch.diag_embed(op.diagonal)
    for offset, line in ((1, op.right), (op.width, op.down)):
        out.diagonal(offset, -2, -1).add_(line)
        out.diagonal(-offset, -2, -1).add_(line)
    return out


def grid_inner(
    left: Tensor, right: Tensor, dim: int, width: int
) -> GridOperator:
    """Entries of a sum of outer products on the operator's pattern.

    With u, v the vectors along the last axis, indexed k along ``dim``, this is
    the pattern of the symmetric part of Σ_k u_k v_kᵀ, counted as a gradient
    with respect to (diagonal, right, down) needs it: an off-diagonal entry
    stands for two entries of the matrix.

    Args:
        left (Tensor): u, with N as last axis.
        right (Tensor): v, same shape.
        dim (int): Axis that is summed over.
        width (int): Columns w of the grid.

    Returns:
        GridOperator: The sums. Entries that would join the end of a row to
        the next row are not zeroed.
    """

    def pair(offset: int) -> Tensor:
        n = left.size(-1) - offset
        near = left[..., :n] * right[..., offset:]
        return near.addcmul_(left[..., offset:], right[..., :n]).sum(dim)

    return GridOperator((left * right).sum(dim), pair(1), pair(width))


class _GridCosine(torch.autograd.Function):
    """Cosine similarity of neighbouring positions, with its own backward.

    ∂cos(s_i, s_j)/∂s_i = s_j / (m_i m_j) − cos · s_i / m_i² with m the norms,
    so the gradient of all edges is one five-point operator applied to the
    features: nothing of their size is kept but themselves.
    """

    @staticmethod
    def forward(ctx, features, width, eps):  # noqa: ANN001, ANN205
        norm = torch.linalg.vector_norm(features, dim=1)
        inverse = norm.clamp_min(eps).reciprocal()
        dots = [
            (features[..., offset:] * features[..., :-offset]).sum(1)
            for offset in (1, width)
        ]
        right = dots[0] * inverse[:, 1:] * inverse[:, :-1]
        down = dots[1] * inverse[:, width:] * inverse[:, :-width]
        ctx.save_for_backward(features, inverse, right, down)
        ctx.width = width
        own = (norm > eps).to(features.dtype)
        ctx.mark_non_differentiable(own)
        return own, right, down

    @staticmethod
    @once_differentiable
    def backward(ctx, _, grad_right, grad_down):  # noqa: ANN001, ANN205
        features, inverse, right, down = ctx.saved_tensors
        w = ctx.width
        with torch.autocast(features.device.type, enabled=False):
            diagonal = torch.zeros_like(inverse)
            pull_right = grad_right * right
            pull_down = grad_down * down
            diagonal[:, 1:] -= pull_right
            diagonal[:, :-1] -= pull_right
            diagonal[:, w:] -= pull_down
            diagonal[:, :-w] -= pull_down
            op = GridOperator(
                diagonal * inverse.square(),
                grad_right * inverse[:, 1:] * inverse[:, :-1],
                grad_down * inverse[:, w:] * inverse[:, :-w],
            )
            grad = grid_product(op.rows(), features)
        return grad, None, None


def grid_cosine(features: Tensor, eps: float = 1e-12) -> GridOperator:
    """Cosine similarity of every position with itself and its 4-neighbours.

    Args:
        features (Tensor): Vectors at the positions, shape (B, C, h, w).
        eps (float): Norms below it count as zero vectors, which are similar
            to nothing, not even to themselves. Defaults to 1e-12.

    Returns:
        GridOperator: E on the pattern of the grid: 1 (0 for zero vectors) on
        the diagonal, cosines in [-1, 1] beside it, differentiable. Entries
        that would join the end of a row to the next row are not zeroed.
    """
    width = features.size(-1)
    return GridOperator(*_GridCosine.apply(features.flatten(2), width, eps))


def grid_laplacian(height: int, width: int, like: Tensor) -> GridOperator:
    """Graph Laplacian D − A of the 4-neighbourhood.

    Args:
        height (int): Rows h of the grid.
        width (int): Columns w of the grid.
        like (Tensor): Gives dtype and device.

    Returns:
        GridOperator: Degrees (N,) and minus the adjacency (N - 1,), (N - w,).
    """
    column = torch.arange(height * width, device=like.device) % width
    right = (column[1:] != 0).to(like.dtype)
    down = like.new_ones((height - 1) * width)
    degree = like.new_zeros(height * width)
    degree[1:] += right
    degree[:-1] += right
    degree[width:] += down
    degree[:-width] += down
    return GridOperator(degree, -right, -down)
