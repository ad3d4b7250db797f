# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Gradients of iterations whose step has not been made yet.

With ``accumulative_counts`` several iterations make one step. Until the last
of them each process holds a sum of its own; only then are they averaged.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.dist import (
    all_gather_object,
    gather,
    get_dist_info,
    is_main_process,
)
from mmengine.runner import Runner
from torch import nn

from .unwrapping import unwrap

Gradients = dict[str, torch.Tensor]
"""Gradients of one process on the CPU, by the name of the parameter."""


def gather_gradients(runner: Runner) -> list[Gradients]:
    """Gradients that wait for more of the same step, for a checkpoint.

    All processes must call it.

    Args:
        runner (Runner): Its ``optim_wrapper`` has counted the iteration that
            is being saved.

    Returns:
        list[Gradients]: Those of each process, in the main process; empty in
        others, between two steps, and of models whose parameters are split
        over devices, which the log tells.
    """
    if not _has_pending(runner.optim_wrapper):
        return []
    model = unwrap(runner.model)
    if model is None:
        runner.logger.warning(
            'this checkpoint falls between the iterations of one step '
            '(accumulative_counts): a training of a model that is split over '
            'devices, resumed from it, repeats none of them. Save at '
            'multiples of accumulative_counts'
        )
        return []
    found: list[Gradients] = [{} for _ in range(get_dist_info()[1])]
    for name, parameter, holders in _held(model):
        gradient = parameter.grad
        if gradient is None:
            gradient = torch.zeros_like(parameter)
        # One at a time: of all at once there may be no memory on a device.
        parts = gather(gradient.detach().contiguous())
        for rank, part in enumerate(parts):
            if holders[rank]:
                found[rank][name] = part.cpu()
    return found if is_main_process() else []


def restore_gradients(
    model: nn.Module, gradients: Sequence[Gradients]
) -> None:
    """Put the gradients of a checkpoint back before training goes on.

    Args:
        model (nn.Module): As the runner has it.
        gradients (Sequence[Gradients]): Those of each process. Where there
            are more or fewer processes now, each gets the mean, which makes
            the same step.
    """
    inner = unwrap(model)
    if not gradients or inner is None:
        return
    rank, world_size = get_dist_info()
    same = len(gradients) == world_size
    for name, parameter in inner.named_parameters():
        parts = [part[name] for part in gradients if name in part]
        if same and name in gradients[rank]:
            value = gradients[rank][name]
        elif parts and not same:
            value = sum(parts) / len(gradients)
        else:
            continue
        parameter.grad = value.to(parameter.device)


def _held(
    model: nn.Module,
) -> Iterator[tuple[str, nn.Parameter, list[bool]]]:
    """Parameters that have a gradient in any process, and in which."""
    parameters = list(model.named_parameters())
    own = [parameter.grad is not None for _, parameter in parameters]
    held = zip(*all_gather_object(own), strict=True)
    for (name, parameter), holders in zip(parameters, held, strict=True):
        if any(holders):
            yield name, parameter, list(holders)


def _has_pending(wrapper: Any) -> bool:
    """Whether gradients of earlier iterations wait to be applied."""
    count = getattr(wrapper, '_accumulative_counts', 1)
    inner = getattr(wrapper, '_inner_count', 0)
    return (
        count > 1
        and inner % count != 0
        and inner != getattr(wrapper, '_max_counts', -1)
    )
