# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Newton-Schulz inverse of a grid operator, applied to one vector.

The method needs y = Z_p f with Z_0 = αΛ and Z_{k+1} = Z_k (2I − Λ Z_k), where
Λ is a symmetric five-point operator on N grid positions and f one vector an
image. Done literally that is 2p products of N×N matrices, all of which
autograd keeps. Nearly all of it can be avoided without changing y. With the
residuals R_k = I − Λ Z_k, for which R_{k+1} = R_k²:

* Z_{q+b} = Z_q Σ_{j < 2^b} R_q^j, and only its product with f is needed: the
  last b of p iterations are products with vectors. For p <= 4, q = 0, nothing
  N×N exists at all, and all products are with the five-point operator.
* For larger p, Λ Z_k costs O(N²) as Λ is sparse, which leaves one N×N product
  an iteration; the first iteration is sparse as a whole.
* Z_k is symmetric, and so is its gradient W_k. With Y = Z_k W_{k+1}, the
  adjoint of an iteration is W_k = 2 W_{k+1} − ΛY − (ΛY)ᵀ, one N×N product
  again, and Λ gets −Y Z_k, of which only the pattern of the grid is formed.

So p = 16 costs 11 N×N products forward and 11 backward, instead of 32 and 64,
and keeps 12 matrices instead of 48; p = 4 costs 31 sparse products.

On a CPU all of it is a polynomial of low degree, see :mod:`.chebyshev_sum`. On
a GPU, and where torch.compile traces, the products stay.

The start Z_0 is a constant in the gradient, as in the official
implementation: Λ gets its gradient through the iterations alone.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .chebyshev_sum import chebyshev_sum
from .grid_operator import (
    GridOperator,
    grid_dense,
    grid_inner,
    grid_product,
)

# Iterations done as products with vectors. One more would trade a forward and
# a backward product of N×N matrices for 32 products with vectors.
VECTOR_ITERATIONS = 4


class _NewtonSchulzApply(torch.autograd.Function):
    """See the docstring of the module; q = 0 where there are no matrices."""

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
        matrices = _matrices(op, alpha, iterations - VECTOR_ITERATIONS)
        inverse = matrices.pop() if matrices else None
        # g = Σ_j R_q^j f, y = Z_q g.
        powers, products = [vector], []
        for _ in range(2 ** min(iterations, VECTOR_ITERATIONS) - 1):
            products.append(_apply_inverse(op, inverse, alpha, powers[-1]))
            powers.append(powers[-1] - grid_product(op, products[-1]))
        total = torch.stack(powers).sum(0)
        result = _apply_inverse(op, inverse, alpha, total)

        ctx.save_for_backward(
            *op,
            inverse,
            torch.stack([*powers[:-1], total], 1),
            torch.stack([*products, result], 1),
            *matrices,
        )
        ctx.alpha = alpha
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple:
        with torch.autocast(grad.device.type, enabled=False):
            return _backward(grad, ctx.alpha, *ctx.saved_tensors)


def _matrices(op: GridOperator, alpha: float, count: int) -> list[Tensor]:
    """The dense iterations Z_1 … Z_q, for q = ``count``."""
    if count <= 0:
        return []
    rows, dense = op.rows(), grid_dense(op)
    # Z_1 = 2αΛ − α²Λ³ needs no dense product.
    cube = grid_product(rows, grid_product(rows, dense))
    matrices = [(2 * alpha) * dense - alpha**2 * cube]
    for _ in range(count - 1):
        last = matrices[-1]
        product = grid_product(rows, last)
        matrices.append(torch.baddbmm(last, product, last, beta=2, alpha=-1))
    return matrices


def _apply_inverse(
    op: GridOperator, inverse: Tensor | None, alpha: float, vector: Tensor
) -> Tensor:
    """Z_q v for vectors (B, N), with Z_0 = αΛ."""
    if inverse is None:
        return alpha * grid_product(op, vector)
    return torch.bmm(vector.unsqueeze(1), inverse).squeeze(1)


def _backward(
    grad: Tensor,
    alpha: float,
    diagonal: Tensor,
    right: Tensor,
    down: Tensor,
    inverse: Tensor | None,
    powers: Tensor,
    products: Tensor,
    *matrices: Tensor,
) -> tuple:
    op = GridOperator(diagonal, right, down)
    # Adjoint of g = Σ_j R_q^j f, where R_q v = v − Λ Z_q v.
    grad_total = _apply_inverse(op, inverse, alpha, grad)
    adjoints, pulls = [grad_total], []
    for _ in range(products.size(1) - 1):
        pulls.append(grid_product(op, adjoints[-1]))
        adjoints.append(
            grad_total
            + adjoints[-1]
            - _apply_inverse(op, inverse, alpha, pulls[-1])
        )
    grad_vector = adjoints.pop()

    # Minus the gradient of Λ where it meets Z_q R_q^j f …
    if adjoints:
        adjoint = torch.stack(adjoints[::-1], 1)
        lines = grid_inner(adjoint, products[:, :-1], 1, op.width)
    else:
        lines = GridOperator(*(torch.zeros_like(part) for part in op))
    # … and within Z_q, whose gradient is minus Σ_j u_j v_jᵀ.
    if inverse is not None:
        u = torch.stack([*pulls[::-1], -grad], 1)
        within = _through_inverse(op, matrices, alpha, u, powers)
        lines = (a + b for a, b in zip(lines, within, strict=True))
    return (*(-line for line in lines), grad_vector, None, None)


def _through_inverse(
    op: GridOperator,
    matrices: tuple[Tensor, ...],
    alpha: float,
    u: Tensor,
    v: Tensor,
) -> GridOperator:
    """Minus the gradient of Λ through the iterations that lead to Z_q.

    Args:
        op (GridOperator): Λ.
        matrices (tuple[Tensor, ...]): Z_1 … Z_{q-1}.
        alpha (float): Z_0 = αΛ.
        u (Tensor): Shape (B, J, N).
        v (Tensor): Shape (B, J, N); minus the gradient of Z_q is Σ_j u_j v_jᵀ.

    Returns:
        GridOperator: Counted as :func:`grid_inner` does.
    """
    rows, width = op.rows(), op.width
    outer = torch.bmm(u.mT, v)
    weight = (outer + outer.mT).mul_(-0.5)
    lines = []
    for matrix in reversed(matrices):
        product = torch.bmm(weight, matrix)  # Yᵀ
        lines.append(_symmetric_inner(product, matrix, width))
        spread = grid_product(rows, product)  # (ΛY)ᵀ
        weight = weight.mul_(2).sub_(spread).sub_(spread.mT)
    # The first iteration starts at Z_0 = αΛ, where Y Z_0 is sparse to form.
    product = grid_product(rows, grid_product(rows, weight).mT.contiguous())
    lines.append(
        [alpha**2 * product.diagonal(0, -2, -1)]
        + [
            2 * alpha**2 * product.diagonal(offset, -2, -1)
            for offset in (1, width)
        ]
    )
    return GridOperator(*(sum(line) for line in zip(*lines, strict=True)))


def _symmetric_inner(left: Tensor, right: Tensor, width: int) -> list[Tensor]:
    """As :func:`grid_inner` over the middle axis, for a symmetric sum."""
    lines = [(left * right).sum(1)]
    for offset in (1, width):
        pair = left[..., :-offset] * right[..., offset:]
        lines.append(pair.sum(1).mul_(2))
    return lines


def newton_schulz_apply(
    op: GridOperator,
    vector: Tensor,
    iterations: int,
    alpha: float,
    chebyshev: bool | None = None,
) -> Tensor:
    """Approximate Λ⁻¹ f by Newton-Schulz iterations.

    Args:
        op (GridOperator): The symmetric operator Λ of every image.
        vector (Tensor): f, shape (B, N).
        iterations (int): Newton-Schulz iterations p >= 0.
        alpha (float): Scale α of the start Z_0 = αΛ, which is a constant in
            the gradient.
        chebyshev (bool, optional): Whether to sum Chebyshev polynomials, on
            the CPU, where they are few. Defaults to None: on a CPU, if not
            compiled.

    Returns:
        Tensor: Z_p f, shape (B, N); differentiable once in Λ and f.
    """
    if chebyshev is None:
        chebyshev = (
            vector.device.type == 'cpu' and not torch.compiler.is_compiling()
        )
    if chebyshev and iterations:
        summed = chebyshev_sum(op, vector, iterations, alpha)
        if summed is not None:
            return summed
    return _NewtonSchulzApply.apply(*op, vector, alpha, iterations)
