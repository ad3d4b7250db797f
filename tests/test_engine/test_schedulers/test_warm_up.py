# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
import torch
from mmengine.optim import LinearLR
from mmengine.registry import PARAM_SCHEDULERS

import projects.scm.engine  # noqa: F401


def rates(epochs, epoch_length, steps, kind='WarmUpLR', **more):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = PARAM_SCHEDULERS.build(
        dict(
            type=kind,
            start_factor=0.01,
            end=epochs,
            by_epoch=True,
            convert_to_iter_based=True,
            **more,
        ),
        default_args=dict(optimizer=optimizer, epoch_length=epoch_length),
    )
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    return found


def test_it_is_linear_lr_over_a_share() -> None:
    found = rates(3, 75, 60, share=2 / 9)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = LinearLR(optimizer, 0.01, end=50, by_epoch=False)
    for rate in found:
        assert rate == pytest.approx(optimizer.param_groups[0]['lr'])
        optimizer.step()
        reference.step()
    assert found[0] == 0.01
    assert found[48] < 1
    assert found[49:] == pytest.approx([1] * 11)


def test_it_shrinks_with_the_run() -> None:
    """The run of a user with 102 pictures: 60 iterations, 6 of warm-up."""
    found = rates(30, 2, 60)
    assert sum(rate < 0.999 for rate in found) == 5
    assert found[-1] == pytest.approx(1)


@pytest.mark.parametrize('epochs', [1, 5, 14])
def test_tiny_runs_have_none(epochs) -> None:
    assert rates(epochs, 1, epochs) == [1] * epochs


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match='expected 0 <= share < 1, got 1'):
        rates(1, 1, 1, share=1)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    with pytest.raises(ValueError, match='convert_to_iter_based=True'):
        PARAM_SCHEDULERS.build(
            dict(type='WarmUpLR', share=0.1),
            default_args=dict(optimizer=optimizer),
        )
