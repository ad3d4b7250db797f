# Copyright (c) SCM-WSOL contributors. All rights reserved.
import mpmath
import pytest
import torch

from projects.scm.models.calibration.normalize import (
    filter_activation,
    min_max,
)


def exact(function, values):
    """A function of mpmath, at every value."""
    with mpmath.workdps(60):
        results = [float(function(mpmath.mpf(v))) for v in values.tolist()]
    return torch.tensor(results, dtype=torch.float64)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('magnitude', [1e-6, 1e-3, 0.05, 0.5, 1.0, 3.0, 50.0])
def test_filter_is_accurate_to_rounding(magnitude, dtype):
    generator = torch.Generator().manual_seed(0)
    z = torch.rand(1, 40, generator=generator, dtype=dtype) * magnitude
    z[:, ::3] *= -1

    ours = filter_activation(2 * z, torch.full((1, 1), 2.0, dtype=dtype))

    shrunk = exact(lambda v: v - mpmath.tanh(v), z[0].double())
    expected = (shrunk - shrunk.min()) / (shrunk.max() - shrunk.min())
    torch.testing.assert_close(
        ours[0].double(), expected, rtol=0, atol=10 * torch.finfo(dtype).eps
    )


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('magnitude', [1e-3, 0.05, 0.5, 1.0, 3.0])
def test_gradient_of_the_scale_is_accurate_to_rounding(magnitude, dtype):
    # It is what is left of terms that are 1 / z² times as large.
    z = torch.tensor([[0.2, 0.5, 0.7, 1.0]], dtype=dtype) * magnitude
    scale = torch.ones(1, 1, dtype=dtype, requires_grad=True)
    filter_activation(z, scale)[0, 1].backward()

    def value(scale):
        low, middle, _, high = (
            v / scale - mpmath.tanh(v / scale)
            for v in map(mpmath.mpf, z[0].tolist())
        )
        return (middle - low) / (high - low)

    with mpmath.workdps(60):
        expected = float(mpmath.diff(value, 1))
    tolerance = 100 * torch.finfo(dtype).eps
    assert scale.grad.item() == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize('magnitude', [0.3, 4.0])
def test_filter_gradients(magnitude):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 9, generator=generator, dtype=float) * magnitude
    scale = torch.tensor([[0.7], [1.9]], dtype=float)
    assert torch.autograd.gradcheck(
        filter_activation, (x.requires_grad_(), scale.requires_grad_())
    )


def test_min_max_scales_every_image_by_itself():
    x = torch.tensor([[[1.0, 3.0], [2.0, 5.0]], [[-4.0, 0.0], [4.0, 2.0]]])
    expected = torch.tensor(
        [[[0.0, 0.5], [0.25, 1.0]], [[0.0, 0.5], [1.0, 0.75]]]
    )
    torch.testing.assert_close(min_max(x), expected)


@pytest.mark.parametrize('value', [0.0, 7.0, -1e30, 1e-40])
def test_min_max_of_a_constant_map_is_zero_with_zero_gradient(value):
    x = torch.full((2, 3, 3), value, requires_grad=True)
    y = min_max(x)
    y.sum().backward()
    assert (y == 0).all()
    assert (x.grad == 0).all()


def test_min_max_of_a_tiny_range_stays_finite():
    x = (torch.arange(9.0).view(1, 3, 3) * 1e-36).requires_grad_()
    min_max(x).square().sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize(
    ('extent', 'counts'), [(1e-39, False), (3e-29, False), (4e-29, True)]
)
def test_ranges_whose_reciprocal_could_overflow_are_none(extent, counts):
    """Up to finfo.tiny ** 0.75, which is 3.57e-29."""
    x = (torch.tensor([[0.0, 0.5, 1.0]]) * extent).requires_grad_()
    y = min_max(x)
    y.square().sum().backward()
    expected = torch.tensor([[0.0, 0.5, 1.0]]) * counts
    torch.testing.assert_close(y, expected, rtol=1e-6, atol=0)
    assert x.grad.isfinite().all()
    assert x.grad.any() == counts
