# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Transforms."""

from .box_checks import (
    FitAnnotation,
    check_box_transforms,
    check_test_transforms,
    insert_fit,
)
from .cached import (
    LoadCachedImage,
    ResizeFromOriginal,
    find_pixel_steps,
    use_original_sizes,
    use_pixel_cache,
)
from .contiguous import ContiguousImage
from .loading import Load8BitImage
from .packing import PackWSOLInputs

__all__ = [
    'ContiguousImage',
    'FitAnnotation',
    'Load8BitImage',
    'LoadCachedImage',
    'PackWSOLInputs',
    'ResizeFromOriginal',
    'check_box_transforms',
    'check_test_transforms',
    'find_pixel_steps',
    'insert_fit',
    'use_original_sizes',
    'use_pixel_cache',
]
