# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Transforms."""

from .box_checks import FitAnnotation, check_box_transforms, insert_fit
from .contiguous import ContiguousImage
from .loading import Load8BitImage
from .packing import PackWSOLInputs

__all__ = [
    'ContiguousImage',
    'FitAnnotation',
    'Load8BitImage',
    'PackWSOLInputs',
    'check_box_transforms',
    'insert_fit',
]
