# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
import torch
from references.dense_calibration import grid_adjacency

from projects.scm.models.calibration.grid_operator import (
    GridOperator,
    grid_cosine,
    grid_dense,
    grid_inner,
    grid_laplacian,
    grid_product,
)

GRIDS = [(3, 4), (1, 5), (5, 1), (1, 1), (2, 2)]


def random_operator(height, width, batch=2):
    laplacian = grid_laplacian(height, width, torch.zeros((), dtype=float))
    torch.manual_seed(height * 10 + width)
    return GridOperator(
        *(part * torch.randn(batch, part.numel()) for part in laplacian)
    )


@pytest.mark.parametrize(('height', 'width'), GRIDS)
def test_laplacian_is_degree_minus_adjacency(height, width):
    like = torch.zeros((), dtype=torch.float64)
    laplacian = grid_laplacian(height, width, like)
    batched = GridOperator(*(part.unsqueeze(0) for part in laplacian))

    adjacency = grid_adjacency(height, width, like)
    expected = torch.diag(adjacency.sum(1)) - adjacency
    if width > 1:  # offsets 1 and w are the same line otherwise
        torch.testing.assert_close(grid_dense(batched)[0], expected)
    torch.testing.assert_close(laplacian.diagonal, adjacency.sum(1))


@pytest.mark.parametrize(('height', 'width'), GRIDS)
def test_product_is_that_of_the_dense_matrix(height, width):
    op = random_operator(height, width)
    vectors = torch.randn(2, height * width, dtype=float)
    stack = torch.randn(2, 3, height * width, dtype=float)
    dense = grid_dense(op)

    torch.testing.assert_close(dense, dense.mT)
    torch.testing.assert_close(
        grid_product(op, vectors), torch.einsum('bij,bj->bi', dense, vectors)
    )
    torch.testing.assert_close(grid_product(op.rows(), stack), stack @ dense)


def test_inner_is_the_gradient_of_the_dense_matrix():
    height, width = 3, 4
    op = random_operator(height, width)
    parts = [part.clone().requires_grad_() for part in op]
    left = torch.randn(2, 5, 12, dtype=float)
    right = torch.randn(2, 5, 12, dtype=float)

    dense = grid_dense(GridOperator(*parts))
    torch.einsum('bki,bij,bkj->', left, dense, right).backward()

    inner = grid_inner(left, right, 1, width)
    for part, expected in zip(inner, parts, strict=True):
        torch.testing.assert_close(part, expected.grad)


@pytest.mark.parametrize(('height', 'width'), GRIDS)
def test_cosine_and_its_gradient(height, width):
    torch.manual_seed(0)
    features = torch.randn(2, 6, height, width, dtype=float)
    features.requires_grad_()
    unit = torch.nn.functional.normalize(features.flatten(2), dim=1)
    dense = unit.mT @ unit
    laplacian = grid_laplacian(height, width, dense)
    weights = random_operator(height, width)

    # The Laplacian masks what would join rows.
    cosine = [
        part * mask
        for part, mask in zip(grid_cosine(features), laplacian, strict=True)
    ]
    loss = sum(
        (w * c).sum() for w, c in zip(weights[1:], cosine[1:], strict=True)
    )
    (ours,) = torch.autograd.grad(loss, features)

    lines = (dense.diagonal(1, -2, -1), dense.diagonal(width, -2, -1))
    for mine, line, mask in zip(cosine[1:], lines, laplacian[1:], strict=True):
        torch.testing.assert_close(mine, line * mask)
    expected = sum(
        (w * line * mask).sum()
        for w, line, mask in zip(
            weights[1:], lines, laplacian[1:], strict=True
        )
    )
    if expected.requires_grad:
        (reference,) = torch.autograd.grad(expected, features)
        torch.testing.assert_close(ours, reference)


def test_cosine_of_zero_vectors_is_zero():
    features = torch.ones(1, 3, 2, 2)
    features[:, :, 0, 0] = 0
    features.requires_grad_()

    cosine = grid_cosine(features)

    assert cosine.diagonal.tolist() == [[0, 1, 1, 1]]
    torch.testing.assert_close(cosine.right[0, 0], torch.tensor(0.0))
    torch.testing.assert_close(cosine.down[0, 1], torch.tensor(1.0))
    (cosine.right.sum() + cosine.down.sum()).backward()
    assert features.grad.isfinite().all()


def test_cosine_has_no_second_derivative_to_be_wrong():
    features = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = sum(part.square().sum() for part in grid_cosine(features))
    (grad,) = torch.autograd.grad(loss, features, create_graph=True)
    with pytest.raises(RuntimeError, match='once_differentiable'):
        grad.sum().backward()
