# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Data samples as NumPy can read them."""

from collections.abc import Mapping
from typing import Any

import torch


def on_cpu(value: Any) -> Any:
    """Replace tensors, of any device, by arrays; in dicts too."""
    if isinstance(value, Mapping):
        return {key: on_cpu(item) for key, item in value.items()}
    return value.cpu().numpy() if isinstance(value, torch.Tensor) else value
