# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Checkpoints between the iterations of one step, on several processes."""

import pytest
import torch
from test_engine.tiny_training import (
    Interrupted,
    InterruptHook,
    assert_same,
    read_state,
    tiny_config,
    train,
)
from test_models.two_processes import run_in_two_processes
from torch import nn

from projects.scm.apis.upstream_tools import adapt_to_cpu
from projects.scm.engine.accumulation import restore_gradients


def train_interrupted(rank, data, folder):
    """Two iterations an epoch, four a step."""

    def config(name, **options):
        cfg = tiny_config(
            data,
            folder / name,
            **{'optim_wrapper.accumulative_counts': 4, **options},
        )
        cfg.launcher = 'pytorch'
        adapt_to_cpu(cfg)
        return cfg

    train(config('whole'))
    with pytest.raises(Interrupted):
        train(config('killed'), InterruptHook(2))
    train(config('killed', resume=True))


@pytest.mark.slow
def test_two_processes_go_on_with_their_own_gradients(tiny_cub, tmp_path):
    run_in_two_processes(train_interrupted, tiny_cub, tmp_path)
    first = torch.load(tmp_path / 'killed/epoch_1.pth', weights_only=False)
    ours, theirs = first['pending_gradients']
    assert ours.keys() == theirs.keys()
    key = 'backbone.pos_embed'
    assert not torch.equal(ours[key], theirs[key])
    assert_same(
        *(
            read_state(tmp_path / name / 'epoch_3.pth')
            for name in ('killed', 'whole')
        )
    )


def test_another_number_of_processes_gets_the_mean():
    """Whose mean over the processes is what that of the parts would be."""
    model = nn.Linear(2, 1)
    parts = [
        {'weight': torch.full((1, 2), 2.0), 'bias': torch.ones(1)},
        {'weight': torch.full((1, 2), 4.0)},
    ]
    restore_gradients(model, parts)
    assert torch.equal(model.weight.grad, torch.full((1, 2), 3.0))
    assert torch.equal(model.bias.grad, torch.full((1,), 0.5))
    restore_gradients(model, parts[1:])
    assert torch.equal(model.weight.grad, parts[1]['weight'])
    assert torch.equal(model.bias.grad, torch.full((1,), 0.5))
