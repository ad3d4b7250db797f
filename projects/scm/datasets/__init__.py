# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Datasets with boxes, their transforms and readers of annotations."""

import projects.scm.utils.prepared  # noqa: F401  before mmpretrain

from .cub import CUBLocalization
from .imagenet import ImageNetLocalization
from .localization_mixin import LocalizationMixin
from .open_images import OpenImagesLocalization
from .seeding import SeededDataset, SeededSampler
from .transforms import ContiguousImage, FitAnnotation, PackWSOLInputs

__all__ = [
    'CUBLocalization',
    'ContiguousImage',
    'FitAnnotation',
    'ImageNetLocalization',
    'LocalizationMixin',
    'OpenImagesLocalization',
    'PackWSOLInputs',
    'SeededDataset',
    'SeededSampler',
]
