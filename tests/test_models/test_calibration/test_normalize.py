# Copyright (c) SCM-WSOL contributors. All rights reserved.
import mpmath
import pytest
import torch

from projects.scm.models.calibration.normalize import min_max, tanh_shrink


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_tanh_shrink_is_accurate_to_rounding(dtype):
    z = torch.logspace(-8, 1, 200, dtype=dtype)
    z = torch.cat([z, -z, torch.zeros(1, dtype=dtype)])

    ours = tanh_shrink(z)

    with mpmath.workdps(50):
        expected = [
            float(mpmath.mpf(v) - mpmath.tanh(mpmath.mpf(v)))
            for v in z.double().tolist()
        ]
    expected = torch.tensor(expected, dtype=torch.float64)
    # Between the series and z ≈ 1 the difference itself costs two digits.
    torch.testing.assert_close(
        ours.double(), expected, rtol=500 * torch.finfo(dtype).eps, atol=0
    )


def test_tanh_shrink_gradient():
    z = torch.tensor([-2.0, -0.05, 0.0, 1e-3, 0.3], dtype=float)
    z.requires_grad_()
    assert torch.autograd.gradcheck(tanh_shrink, z)
    (grad,) = torch.autograd.grad(tanh_shrink(z).sum(), z)
    torch.testing.assert_close(grad, torch.tanh(z) ** 2)


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
