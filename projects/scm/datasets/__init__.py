# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Datasets with boxes, their transforms and readers of annotations."""

from .cub import CUBLocalization
from .imagenet import ImageNetLocalization
from .localization_mixin import LocalizationMixin
from .seeding import SeededDataset, SeededSampler
from .transforms import ContiguousImage, PackWSOLInputs

__all__ = [
    'CUBLocalization',
    'ContiguousImage',
    'ImageNetLocalization',
    'LocalizationMixin',
    'PackWSOLInputs',
    'SeededDataset',
    'SeededSampler',
]
