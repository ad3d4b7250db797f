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

All is done in float64, image by image, by compiled loops, whose compiler is
loaded when a model trains: prediction does without. On a GPU this many
short steps would be slow. A second thread would not pay: those of PyTorch keep
the cores busy for a while after each of its own parallel steps.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..grid_operator import GridOperator, grid_product

__all__ = ['MAX_TERMS', 'chebyshev_sum']

#: Longer sums are left to products of matrices.
MAX_TERMS = 4096


def chebyshev_sum(
    op: GridOperator, vector: Tensor, iterations: int, alpha: float
) -> Tensor | None:
    """Apply the inverse that Newton-Schulz iterations give, on a CPU.

    Args:
        op (GridOperator): The symmetric operator Λ of every image, on a CPU.
        vector (Tensor): f, shape (B, N).
        iterations (int): Newton-Schulz iterations p >= 1.
        alpha (float): Scale α of the start αΛ.

    Returns:
        Tensor | None: Z_p f, shape (B, N); differentiable once in Λ and f.
        None where the iterations may diverge (αρ² > 2), Λ is not finite, or
        there would be more than :data:`MAX_TERMS` terms.
    """
    terms = _terms(op, alpha, iterations)
    if terms is None:
        return None
    return _ChebyshevSum.apply(*op, vector, alpha, terms)


def _terms(
    op: GridOperator, alpha: float, iterations: int
) -> np.ndarray | None:
    """Coefficients of U in the Chebyshev polynomials of S.

    Returns:
        np.ndarray | None: (n + 2,) float64: ρ, then c_0 … c_n with n >= 1.
        None where there is no such sum, see :func:`chebyshev_sum`.
    """
    from scipy.fft import dct

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


class _ChebyshevSum(torch.autograd.Function):
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
        from .loops import apply_sum

        ctx.save_for_backward(diagonal, right, down, vector)
        ctx.alpha, ctx.terms = alpha, terms
        inputs = [_array(part) for part in (diagonal, right, down, vector)]
        result = np.empty_like(inputs[3])
        apply_sum(alpha, terms, *inputs, result)
        return torch.from_numpy(result).to(vector.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple:
        from .loops import pull_back

        inputs = [_array(part) for part in (*ctx.saved_tensors, grad)]
        grads = [np.zeros_like(part) for part in inputs[:4]]
        pull_back(ctx.alpha, ctx.terms, *inputs, *grads)
        return (
            *(torch.from_numpy(part).to(grad.dtype) for part in grads),
            None,
            None,
        )


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().double().contiguous().numpy()
