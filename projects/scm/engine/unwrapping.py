# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Models within the wrappers of distributed training and augmented tests."""

from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import nn


def unwrap(model: nn.Module) -> nn.Module | None:
    """The model within wrappers.

    Args:
        model (nn.Module): As a runner has it.

    Returns:
        nn.Module | None: None if its weights are split over processes.
    """
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        if 'FullyShardedDataParallel' in type(model).__name__:
            return None
        model = model.module
    return model
