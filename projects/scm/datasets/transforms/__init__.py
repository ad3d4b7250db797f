# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Transforms."""

from .box_checks import check_box_transforms
from .contiguous import ContiguousImage
from .packing import PackWSOLInputs

__all__ = ['ContiguousImage', 'PackWSOLInputs', 'check_box_transforms']
