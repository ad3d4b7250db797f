# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Newton-Schulz iterations as one polynomial, for the CPU.

With Z_0 = αΛ held constant and R = I − ΛZ_0, p iterations amount to

    y = Z_0 U f,  U = Σ_{j < 2^p} R^j,

a polynomial in R, or in S = (2 / ρ²) Λ Z_0 / α − I, whose eigenvalues lie in
[−1, 1] where those of Λ lie in [−ρ, ρ]. Its Chebyshev coefficients fall to
rounding after about √(40 α 2^p) ρ terms: 300 for p = 16 and most maps, where
the powers of R would be 65,536. Each term takes two products with the
five-point operator, so an image costs O(N) and nothing N×N is formed.

Terms are t_0 = f, t_1 = S t_0, t_{k+1} = 2 S t_k − t_{k−1}. The adjoints are
Clenshaw's recurrence on Z_0 g, and Λ gets 2 (2 / ρ²) Σ_k a_{k+1} (Λ t_k)ᵀ, of
which the pattern of the grid is formed: Z_0 is a constant, so one of the two
factors Λ in S has a gradient.

All is done in float64, image by image, by compiled loops. On a GPU this many
short steps would be slow. A second thread would not pay: those of PyTorch keep
the cores busy for a while after each of its own parallel steps.
"""

import math
from typing import Any

import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor
from torch.autograd.function import once_differentiable

from projects.scm.utils.compiling import njit

from .grid_operator import GridOperator, grid_product

#: Longer sums are left to products of matrices.
MAX_TERMS = 4096


def chebyshev_terms(
    op: GridOperator, alpha: float, iterations: int
) -> np.ndarray | None:
    """Coefficients of U in the Chebyshev polynomials of S.

    Args:
        op (GridOperator): The operators Λ of a batch.
        alpha (float): Scale α of the start αΛ.
        iterations (int): Newton-Schulz iterations p >= 1.

    Returns:
        np.ndarray | None: (n + 2,) float64: ρ, then c_0 … c_n with n >= 1.
        None where the iterations may diverge (αρ² > 2), Λ is not finite, or
        there would be more than :data:`MAX_TERMS`.
    """
    radius = max(_spectral_bound(op), 1e-6)
    growth = alpha * radius**2
    if not growth <= 2:  # or NaN
        return None
    powers = 2**iterations
    degree = min(powers - 1, math.ceil(math.sqrt(40 * growth * powers)) + 20)
    if degree > MAX_TERMS:
        return None
    # r = 1 − αm at the nodes s of S, with m = ρ² (s + 1) / 2.
    angles = (np.arange(degree + 1) + 0.5) * (np.pi / (degree + 1))
    share = growth * np.cos(angles / 2) ** 2
    with np.errstate(divide='ignore'):  # log 0, whose power is 0
        log_power = powers * np.where(
            share < 1, np.log1p(-np.minimum(share, 1)), np.log(abs(share - 1))
        )
    values = -np.expm1(log_power) / share
    coefficients = dct(values, type=2) / (degree + 1)
    coefficients[0] /= 2
    return np.concatenate([[radius], coefficients])


def _spectral_bound(op: GridOperator) -> float:
    """Largest sum of absolute values in a row (Gershgorin)."""
    absolute = GridOperator(*(part.detach().abs() for part in op))
    ones = torch.ones_like(absolute.diagonal)
    return float(grid_product(absolute, ones).amax())


def chebyshev_apply(
    op: GridOperator, vector: Tensor, alpha: float, terms: np.ndarray
) -> Tensor:
    """Sum the terms.

    Args:
        op (GridOperator): The symmetric operator Λ of every image, on a CPU.
        vector (Tensor): f, shape (B, N).
        alpha (float): Scale α of the start αΛ.
        terms (np.ndarray): Of :func:`chebyshev_terms`, for this operator.

    Returns:
        Tensor: Z_p f, shape (B, N); differentiable once in Λ and f.
    """
    return _ChebyshevApply.apply(*op, vector, alpha, terms)


class _ChebyshevApply(torch.autograd.Function):
    """See the docstring of the module."""

    @staticmethod
    def forward(
        ctx: Any,
        diagonal: Tensor,
        right: Tensor,
        down: Tensor,
        vector: Tensor,
        alpha: float,
        terms: np.ndarray,
    ) -> Tensor:
        ctx.save_for_backward(diagonal, right, down, vector)
        ctx.alpha, ctx.terms = alpha, terms
        inputs = [_array(part) for part in (diagonal, right, down, vector)]
        result = np.empty_like(inputs[3])
        _apply(alpha, terms, *inputs, result)
        return torch.from_numpy(result).to(vector.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple:
        inputs = [_array(part) for part in (*ctx.saved_tensors, grad)]
        grads = [np.zeros_like(part) for part in inputs[:4]]
        _pull_back(ctx.alpha, ctx.terms, *inputs, *grads)
        return (
            *(torch.from_numpy(part).to(grad.dtype) for part in grads),
            None,
            None,
        )


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().double().contiguous().numpy()


@njit(cache=True, nogil=True)
def _multiply(
    diagonal: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
    x: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write Λx; a loop for each line of Λ, which the compiler vectorises."""
    n, w = x.size, x.size - down.size
    for i in range(n):
        out[i] = diagonal[i] * x[i]
    for i in range(n - 1):
        out[i] += right[i] * x[i + 1]
    for i in range(n - 1):
        out[i + 1] += right[i] * x[i]
    for i in range(n - w):
        out[i] += down[i] * x[i + w]
    for i in range(n - w):
        out[i + w] += down[i] * x[i]


@njit(cache=True, nogil=True)
def _advance(
    diagonal: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
    scale: float,
    factor: float,
    before: np.ndarray,
    now: np.ndarray,
    once: np.ndarray,
    twice: np.ndarray,
) -> None:
    """From x_{k-1}, x_k to x_k, factor · S x_k − x_{k-1}.

    Leaves Λ x_k in ``once``.
    """
    _multiply(diagonal, right, down, now, once)
    _multiply(diagonal, right, down, once, twice)
    for i in range(now.size):
        following = factor * (scale * twice[i] - now[i]) - before[i]
        before[i] = now[i]
        now[i] = following


@njit(cache=True, nogil=True)
def _apply(
    alpha: float,
    terms: np.ndarray,
    diagonal: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
    vector: np.ndarray,
    result: np.ndarray,
) -> None:
    """Write Z_0 Σ_k c_k t_k of every image."""
    scale, c = 2 / terms[0] ** 2, terms[1:]
    for b in range(len(vector)):
        d, r, v = diagonal[b], right[b], down[b]
        before, now = np.zeros_like(vector[b]), vector[b].copy()
        once, twice = np.empty_like(now), np.empty_like(now)
        total = c[0] * now
        for k in range(1, c.size):
            factor = 1.0 if k == 1 else 2.0
            _advance(d, r, v, scale, factor, before, now, once, twice)
            for i in range(now.size):
                total[i] += c[k] * now[i]
        _multiply(d, r, v, alpha * total, result[b])


@njit(cache=True, nogil=True)
def _pull_back(
    alpha: float,
    terms: np.ndarray,
    diagonal: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
    vector: np.ndarray,
    grad: np.ndarray,
    grad_diagonal: np.ndarray,
    grad_right: np.ndarray,
    grad_down: np.ndarray,
    grad_vector: np.ndarray,
) -> None:
    """Add up the adjoint of :func:`_apply`, of every image."""
    scale, c = 2 / terms[0] ** 2, terms[1:]
    n = vector.shape[1]
    w = n - down.shape[1]
    products = np.empty((c.size - 1, n))
    for b in range(len(vector)):
        d, r, v = diagonal[b], right[b], down[b]
        before, now = np.zeros(n), vector[b].copy()
        once, twice = np.empty(n), np.empty(n)
        for k in range(c.size - 1):  # Λ t_k
            factor = 1.0 if k == 0 else 2.0
            _advance(d, r, v, scale, factor, before, now, products[k], twice)

        start = np.empty(n)
        _multiply(d, r, v, alpha * grad[b], start)
        after, now = np.zeros(n), c[c.size - 1] * start  # a_{k+2}, a_{k+1}
        gd, gr, gv = grad_diagonal[b], grad_right[b], grad_down[b]
        for k in range(c.size - 2, -1, -1):
            factor = 1.0 if k == 0 else 2.0
            t, weight = products[k], factor * scale
            for i in range(n):
                gd[i] += weight * now[i] * t[i]
            for i in range(n - 1):
                gr[i] += weight * (now[i] * t[i + 1] + now[i + 1] * t[i])
            for i in range(n - w):
                gv[i] += weight * (now[i] * t[i + w] + now[i + w] * t[i])
            _advance(d, r, v, scale, factor, after, now, once, twice)
            for i in range(n):
                now[i] += c[k] * start[i]
        grad_vector[b] = now
