# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Iterations as a polynomial, against its values on the eigenvalues."""

import numpy as np
import pytest
import torch
from numpy.polynomial.chebyshev import chebval

from projects.scm.models.calibration.chebyshev_sum import (
    MAX_TERMS,
    _terms,
    chebyshev_sum,
)
from projects.scm.models.calibration.grid_operator import (
    GridOperator,
    grid_dense,
    grid_laplacian,
)
from projects.scm.models.calibration.newton_schulz import newton_schulz_apply

ALPHA = 0.002


def operator(height, width, scale=1.0, batch=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(5)
    like = torch.zeros((), dtype=dtype)
    return GridOperator(
        *(
            part
            * scale
            * torch.randn(
                batch, part.numel(), dtype=dtype, generator=generator
            )
            for part in grid_laplacian(height, width, like)
        )
    )


@pytest.mark.parametrize('iterations', [1, 2, 4, 10, 16])
@pytest.mark.parametrize('scale', [1e-9, 0.01, 0.3, 1.0, 1.3])
def test_the_coefficients_are_those_of_the_iterated_function(
    iterations, scale
):
    op = operator(7, 5, scale)
    radius, *coefficients = _terms(op, ALPHA, iterations)
    values = torch.linalg.eigvalsh(grid_dense(op)).flatten().numpy()
    assert abs(values).max() <= radius
    inverse = np.full_like(values, ALPHA)  # Z_p = Λ times this
    for _ in range(iterations):
        inverse = inverse * (2 - values**2 * inverse)
    found = ALPHA * chebval(2 * values**2 / radius**2 - 1, coefficients)
    np.testing.assert_allclose(found, inverse, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize('growth', [0.5, 1.0, 1.5, 1.99])
@pytest.mark.parametrize('iterations', [1, 5, 16])
def test_up_to_where_the_iterations_diverge(growth, iterations):
    """Products of matrices give the same, with gradients."""
    op = operator(3, 4)
    (radius, *_) = _terms(op, ALPHA, iterations)
    alpha = growth / radius**2
    assert _terms(op, alpha, iterations) is not None
    assert _terms(op, 2.01 / radius**2, iterations) is None
    inputs = [part.requires_grad_() for part in op]
    inputs.append(torch.randn(2, 12, dtype=torch.float64, requires_grad=True))
    results = []
    for chebyshev in (True, False):
        out = newton_schulz_apply(
            op, inputs[3], iterations, alpha, chebyshev=chebyshev
        )
        grads = torch.autograd.grad(out, inputs, torch.ones_like(out))
        results.append((out, *grads))
    for own, other in zip(*results, strict=True):
        assert (own - other).norm() <= 1e-10 * other.norm()


@pytest.mark.parametrize('shape', [(14, 14), (1, 6), (6, 1), (3, 8), (1, 1)])
def test_shapes_of_grids(shape):
    op = operator(*shape)
    vector = torch.randn(2, shape[0] * shape[1], dtype=torch.float64)
    found = chebyshev_sum(op, vector, 16, ALPHA)
    values, basis = torch.linalg.eigh(grid_dense(op))
    inverse = ALPHA * values
    for _ in range(16):
        inverse = inverse * (2 - values * inverse)
    expected = basis @ (inverse[..., None] * (basis.mT @ vector[..., None]))
    torch.testing.assert_close(found, expected[..., 0], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize('shape', [(3, 4), (1, 5), (5, 1)])
def test_single_precision_is_that_of_its_input(shape):
    """Sums in float64: what is lost is the rounding at both ends."""
    exact = operator(*shape, scale=0.5)
    vector = torch.randn(2, shape[0] * shape[1], dtype=torch.float64)
    results = []
    for dtype in (torch.float32, torch.float64):
        rounded = [
            part.float().to(dtype).requires_grad_()
            for part in (*exact, vector)
        ]
        op = GridOperator(*rounded[:3])
        out = chebyshev_sum(op, rounded[3], 16, ALPHA)
        assert out.dtype == dtype
        grads = torch.autograd.grad(out, rounded, torch.ones_like(out))
        results.append([x.double() for x in (out, *grads)])
    for single, double in zip(*results, strict=True):
        error = (single - double).norm()
        assert error <= 2e-7 * double.norm()


def test_where_sums_do_not_do():
    op = operator(3, 3)
    assert _terms(op, ALPHA, 30) is None  # too many terms
    assert _terms(op, 100.0, 16) is None  # diverges
    assert len(_terms(op, ALPHA, 16)) < MAX_TERMS
    op.diagonal[1, 4] = torch.nan
    assert _terms(op, ALPHA, 16) is None


def test_few_iterations_take_few_terms():
    op = operator(14, 14)
    # A polynomial of degree 2^p - 1, and the radius.
    assert [len(_terms(op, ALPHA, p)) for p in (1, 2, 3)] == [3, 5, 9]


def test_nothing_diffuses_without_an_operator():
    op = operator(3, 3, scale=0.0)
    vector = torch.randn(2, 9, dtype=torch.float64, requires_grad=True)
    out = chebyshev_sum(op, vector, 16, ALPHA)
    assert not out.any()
    (grad,) = torch.autograd.grad(out.sum(), vector)
    assert not grad.any()
