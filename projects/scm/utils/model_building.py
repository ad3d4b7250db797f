# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A model as it is described, without the memory of its weights."""

from collections.abc import Mapping
from typing import Any

import torch
from mmpretrain.registry import MODELS
from torch import nn


def build_without_memory(model: Mapping[str, Any]) -> nn.Module:
    """Build a model for its names and shapes, or to see that it can be built.

    Args:
        model (Mapping): ``model`` of a config.

    Returns:
        nn.Module: On the meta device, or on the CPU where it computes
        numbers while it is built.

    Raises:
        Exception: What its parts raise, and the registry for unknown ones.
    """
    try:
        with torch.device('meta'):
            return MODELS.build(model)
    except RuntimeError:  # the meta device has no numbers to compute with
        return MODELS.build(model)
