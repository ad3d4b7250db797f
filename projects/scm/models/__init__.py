# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Backbones, the calibration module, heads and test-time augmentation."""

import projects.scm.utils.prepared  # noqa: F401  before mmpretrain

from . import backbones, calibration, heads, tta
from .backbones import *  # noqa: F403
from .calibration import *  # noqa: F403
from .grad_cam import GradCAMClassifier
from .heads import *  # noqa: F403
from .pretrained import FittingPretrainedInit
from .tta import *  # noqa: F403

__all__ = [
    *backbones.__all__,
    *calibration.__all__,
    *heads.__all__,
    'FittingPretrainedInit',
    'GradCAMClassifier',
    *tta.__all__,
]
