# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
import torch

from projects.scm.models.heads.semantic_convolution import SemanticConvolution

GRIDS = [(1, 1), (1, 5), (4, 1), (2, 2), (3, 2), (7, 10)]


def make(grid, classes=40, batch=3, channels=6):
    torch.manual_seed(0)
    convolution = SemanticConvolution(channels, classes).double()
    patch = torch.randn(batch, channels, *grid, dtype=float)
    return convolution, patch.requires_grad_()


def values_and_gradients(convolution, patch, result):
    torch.manual_seed(1)
    weight = torch.randn(result.shape, dtype=float)
    inputs = (patch, convolution.weight, convolution.bias)
    return result, *torch.autograd.grad((result * weight).sum(), inputs)


@pytest.mark.parametrize('grid', GRIDS)
def test_pooled_is_the_mean_of_the_map(grid):
    convolution, patch = make(grid)
    torch.testing.assert_close(
        values_and_gradients(convolution, patch, convolution.pooled(patch)),
        values_and_gradients(
            convolution, patch, convolution(patch).mean((2, 3))
        ),
        rtol=1e-12,
        atol=1e-12,
    )


# Few of 40 classes go another way than many.
@pytest.mark.parametrize('count', [1, 6, 11, 40])
@pytest.mark.parametrize('grid', GRIDS)
def test_selected_maps_are_those_of_the_whole_map(grid, count):
    convolution, patch = make(grid)
    labels = torch.stack([torch.randperm(40)[:count] for _ in patch])
    whole = convolution(patch)
    expected = torch.stack(
        [maps[own] for maps, own in zip(whole, labels, strict=True)]
    )
    torch.testing.assert_close(
        values_and_gradients(
            convolution, patch, convolution.select(patch, labels)
        ),
        values_and_gradients(convolution, patch, expected),
        rtol=1e-12,
        atol=1e-12,
    )


def test_shortcuts_are_as_good_as_the_convolution_under_autocast():
    torch.manual_seed(0)
    convolution = SemanticConvolution(64, 40)
    patch = torch.randn(4, 64, 14, 14) + 1
    labels = torch.arange(12).view(4, 3)
    whole = convolution(patch)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        half = convolution(patch)
        logits = convolution.pooled(patch)
        maps = convolution.select(patch, labels)

    def error(result, expected):
        return (result.float() - expected).norm() / expected.norm()

    exact = torch.stack([m[own] for m, own in zip(whole, labels, strict=True)])
    assert logits.dtype == torch.bfloat16
    assert error(logits, whole.mean((2, 3))) < 1.5 * error(half, whole)
    assert error(maps, exact) < 1.5 * error(half, whole)
