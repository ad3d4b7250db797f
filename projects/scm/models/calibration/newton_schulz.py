# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Newton-Schulz inverse of a grid operator, applied to one vector.

The method needs y = Z_p f with Z_0 = αΛ and Z_{k+1} = Z_k (2I − Λ Z_k), where
Λ is a symmetric five-point operator on N grid positions and f one vector an
image. Done literally that is 2p products of N×N matrices, all of which
autograd keeps. Three facts avoid nearly all of it without changing y:

* Only Z_p f is needed. With R = I − Λ Z_q one has
  Z_{q+b} = Z_q Σ_{k < 2^b} R^k, so the last b of p iterations are 2^b − 1
  products with vectors. For small p, q = 0: nothing N×N exists at all, and
  every product is one with the five-point operator.
* Λ is sparse and all Z_k are symmetric polynomials in it, so of the two
  products of an iteration one costs O(N²).
* The adjoint of an iteration is as cheap: with W the (symmetric) gradient of
  Z_{k+1} and Y = Z_k W, that of Z_k is 2W − ΛY − (ΛY)ᵀ and that of Λ is
  −Y Z_k, of which only the entries on the pattern of the grid are formed.

So p = 16 costs 11 N×N products forward and 11 backward, instead of 32 and 64,
and keeps 12 matrices instead of 48; p = 4 costs 31 sparse products.

The start Z_0 is a constant in the gradient, as in the official
implementation: Λ gets its gradient through the iterations alone.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .grid_operator import (
    GridOperator,
    grid_dense,
    grid_inner,
    grid_product,
)

# Iterations done as products with vectors. Four balance 15 products of N×N
# matrices with vectors against one of matrices more; all fit without matrices
# where p is not larger.
VECTOR_ITERATIONS = 4


def _matvec(matrix: Tensor, vector: Tensor) -> Tensor:
    return torch.bmm(matrix, vector.unsqueeze(-1)).squeeze(-1)


class _NewtonSchulzApply(torch.autograd.Function):
    """See the module's docstring."""

    @staticmethod
    def forward(
        ctx: Any,
        diagonal: Tensor,
        right: Tensor,
        down: Tensor,
        vector: Tensor,
        alpha: float,
        iterations: int,
    ) -> Tensor:
        op = GridOperator(diagonal, right, down)
        terms = 2 ** min(iterations, VECTOR_ITERATIONS)
        dense_iterations = max(iterations - VECTOR_ITERATIONS, 0)

        matrices = []
        if dense_iterations:
            rows = op.rows()
            dense = grid_dense(op)
            # Z_1 = 2αΛ − α²Λ³ without a dense product.
            cube = grid_product(rows, grid_product(rows, dense))
            matrix = (2 * alpha) * dense - alpha**2 * cube
            matrices.append(matrix)
            for _ in range(dense_iterations - 1):
                product = grid_product(rows, matrix)
                matrix = torch.baddbmm(
                    matrix, product, matrix, beta=2, alpha=-1
                )
                matrices.append(matrix)

        # g = Σ_{k < terms} R^k f; y = Z_q g.
        powers, products = [vector], []
        for _ in range(terms - 1):
            products.append(_base_product(op, matrices, alpha, powers[-1]))
            powers.append(powers[-1] - grid_product(op, products[-1]))
        powers = torch.stack(powers)
        total = powers.sum(0)
        result = _base_product(op, matrices, alpha, total)

        products = (
            torch.stack(products)
            if products
            else vector.new_empty((0, *vector.shape))
        )
        ctx.save_for_backward(
            diagonal, right, down, powers, products, total, *matrices
        )
        ctx.alpha = alpha
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple:
        with torch.autocast(grad.device.type, enabled=False):
            return _NewtonSchulzApply._backward(ctx, grad)

    @staticmethod
    def _backward(ctx: Any, grad: Tensor) -> tuple:
        diagonal, right, down, powers, products, total, *matrices = (
            ctx.saved_tensors
        )
        op, alpha = GridOperator(diagonal, right, down), ctx.alpha

        # Adjoint of g = Σ R^k f, with R v = v − Λ (Z_q v): `pulls` are the
        # gradients that reach each power of R, times Λ on the way to Z_q.
        grad_total = _base_product(op, matrices, alpha, grad)
        adjoint, adjoints, pulls = grad_total, [], []
        for _ in range(len(products)):
            pull = grid_product(op, adjoint)
            adjoints.append(adjoint)
            pulls.append(pull)
            adjoint = (
                grad_total + adjoint - _base_product(op, matrices, alpha, pull)
            )
        grad_vector = adjoint

        # Λ where it is applied to Z_q R^k f …
        if adjoints:
            lines = grid_inner(
                torch.stack(adjoints[::-1]), products, 0, op.width
            )
        else:
            lines = GridOperator(*(torch.zeros_like(part) for part in op))
        # … and within Z_q, whose gradient is Σ_k u_k v_kᵀ.
        if matrices:
            u = torch.stack([*pulls[::-1], -grad])
            v = torch.cat([powers[:-1], total.unsqueeze(0)])
            within = _through_matrices(op, matrices, alpha, u, v)
            lines = GridOperator(
                *(a + b for a, b in zip(lines, within, strict=True))
            )
        grads = (-line for line in lines)
        return (*grads, grad_vector, None, None)


def _base_product(
    op: GridOperator, matrices: list, alpha: float, vector: Tensor
) -> Tensor:
    """Z_q v, with Z_q the last matrix, or αΛ where there is none."""
    if matrices:
        return _matvec(matrices[-1], vector)
    return alpha * grid_product(op, vector)


def _through_matrices(
    op: GridOperator, matrices: list, alpha: float, u: Tensor, v: Tensor
) -> GridOperator:
    """Minus the gradient of Λ through Z_1 … Z_q.

    Args:
        op (GridOperator): Λ.
        matrices (list): Z_1 … Z_q.
        alpha (float): Z_0 = αΛ.
        u (Tensor): Shape (K, B, N).
        v (Tensor): Shape (K, B, N); minus the gradient of Z_q is Σ_k u_k v_kᵀ.
    """
    rows = op.rows()
    outer = torch.einsum('kbi,kbj->bij', u, v)
    grad = (outer + outer.mT).mul_(-0.5)
    parts = []
    for matrix in reversed(matrices[:-1]):
        product = torch.bmm(grad, matrix)  # Yᵀ
        parts.append(grid_inner(product, matrix, 1, op.width))
        spread = grid_product(rows, product)  # (ΛY)ᵀ
        grad = (2 * grad).sub_(spread).sub_(spread.mT)
    # The first iteration has Z_0 = αΛ: its product with W is sparse, too.
    product = alpha * grid_product(rows, grad)
    parts.append(grid_inner(product, alpha * grid_dense(op), 1, op.width))
    return GridOperator(*(sum(lines) for lines in zip(*parts, strict=True)))


def newton_schulz_apply(
    op: GridOperator, vector: Tensor, iterations: int, alpha: float
) -> Tensor:
    """Approximate Λ⁻¹ f by Newton-Schulz iterations.

    Args:
        op (GridOperator): The symmetric operator Λ of every image.
        vector (Tensor): f, shape (B, N).
        iterations (int): Newton-Schulz iterations p >= 0.
        alpha (float): Scale of the start Z_0 = αΛ; a constant in the
            gradient.

    Returns:
        Tensor: Z_p f, shape (B, N); differentiable once in Λ and f.
    """
    return _NewtonSchulzApply.apply(*op, vector, alpha, iterations)
