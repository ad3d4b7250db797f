# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The calibration equals its literal form on inputs drawn at random."""

import numpy as np
import pytest
import torch
from references.dense_calibration import dense_calibration

from projects.scm.models.calibration import SpatialCalibration


def relative(ours, reference):
    difference = (ours - reference).detach().abs().max()
    return float(difference / reference.detach().abs().max())


@pytest.mark.parametrize('seed', range(24))
def test_equals_the_dense_oracle(seed):
    """Outputs and all gradients, in float64, with the published iterations."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(2, 12, 2)
    batch, classes = rng.integers(1, 5), rng.choice([2, 3, 7, 50])
    iterations = (16, 4, 4, 4) if seed % 2 else (4, 4, 4, 4)
    shape = (batch, classes, height, width)

    def drawn(*size, scale=1.0):
        return torch.tensor(rng.standard_normal(size) * scale)

    semantic = drawn(*shape, scale=10 ** rng.uniform(-2, 2))
    attention = torch.tensor(rng.random((batch, height, width)))
    balances = torch.tensor(rng.uniform(0.5, 1.5, 4))
    thresholds = torch.tensor(rng.uniform(0.2, 1.2, 4))
    weights = drawn(*shape), drawn(batch, height, width)

    module = SpatialCalibration(iterations).double()
    with torch.no_grad():
        for block, balance, threshold in zip(
            module.blocks, balances, thresholds, strict=True
        ):
            block.lambda_.fill_(balance)
            block.beta.fill_(threshold)
    inputs = semantic.requires_grad_(), attention.requires_grad_()
    scalars = balances.requires_grad_(), thresholds.requires_grad_()
    ours = module(*inputs)
    oracle = dense_calibration(*inputs, iterations, *scalars)
    for mine, theirs in zip(ours, oracle, strict=True):
        assert relative(mine, theirs) < 1e-9

    def gradients(outputs, *variables):
        total = sum(
            (x * y).sum() for x, y in zip(outputs, weights, strict=True)
        )
        return torch.autograd.grad(total, variables)

    names = ('lambda_', 'beta')
    own = [getattr(block, n) for n in names for block in module.blocks]
    found = gradients(ours, *inputs, *own)
    expected = gradients(oracle, *inputs, *scalars)
    assert relative(found[0], expected[0]) < 1e-9
    assert relative(found[1], expected[1]) < 1e-9
    assert relative(torch.cat(found[2:6]), expected[2]) < 1e-9
    # The literal form loses digits of this one: z - tanh z of small z.
    assert relative(torch.cat(found[6:]), expected[3]) < 1e-7
