# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
import torch

from projects.scm.models.calibration.grid_operator import (
    GridOperator,
    grid_dense,
    grid_laplacian,
)
from projects.scm.models.calibration.newton_schulz import newton_schulz_apply

ALPHA = 0.002


def operator(height=3, width=4, batch=2, scale=1.0):
    torch.manual_seed(3)
    laplacian = grid_laplacian(height, width, torch.zeros((), dtype=float))
    return [
        (part * scale * torch.randn(batch, part.numel())).requires_grad_()
        for part in laplacian
    ]


def literal(parts, vector, iterations):
    dense = grid_dense(GridOperator(*parts))
    inverse = ALPHA * dense.mT.detach()
    identity = torch.eye(dense.size(1), dtype=dense.dtype)
    for _ in range(iterations):
        inverse = inverse @ (2 * identity - dense @ inverse)
    return (inverse.mT @ vector.unsqueeze(-1)).squeeze(-1)


@pytest.mark.parametrize('chebyshev', [False, True])
@pytest.mark.parametrize('iterations', [0, 1, 3, 4, 5, 6, 9, 16])
def test_equals_the_literal_iteration_with_gradients(iterations, chebyshev):
    parts = operator()
    vector = torch.randn(2, 12, dtype=float, requires_grad=True)
    cotangent = torch.randn(2, 12, dtype=float)

    ours = newton_schulz_apply(
        GridOperator(*parts), vector, iterations, ALPHA, chebyshev
    )
    grads = torch.autograd.grad(ours, (*parts, vector), cotangent)

    expected = literal(parts, vector, iterations)
    references = torch.autograd.grad(
        expected, (*parts, vector), cotangent, allow_unused=True
    )
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)
    for grad, reference in zip(grads, references, strict=True):
        if reference is None:  # p = 0: the start is a constant
            reference = torch.zeros_like(grad)
        torch.testing.assert_close(grad, reference, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize('chebyshev', [False, True])
def test_many_iterations_solve(chebyshev):
    parts = operator(scale=0.5)
    for part in parts:
        part.requires_grad_(False)
    parts[0] += 4  # diagonally dominant: well conditioned
    vector = torch.randn(2, 12, dtype=float)
    dense = grid_dense(GridOperator(*parts))

    ours = newton_schulz_apply(
        GridOperator(*parts), vector, 24, ALPHA, chebyshev
    )

    torch.testing.assert_close(ours, torch.linalg.solve(dense, vector))


@pytest.mark.parametrize('iterations', [4, 6])
def test_there_is_no_second_derivative(iterations):
    parts = operator()
    vector = torch.randn(2, 12, dtype=float, requires_grad=True)
    out = newton_schulz_apply(GridOperator(*parts), vector, iterations, ALPHA)
    (grad,) = torch.autograd.grad(
        out.square().sum(), vector, create_graph=True
    )
    with pytest.raises(RuntimeError, match='once_differentiable'):
        grad.sum().backward()
