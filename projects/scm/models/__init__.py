# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Backbones, the calibration module, heads and test-time augmentation."""

import projects.scm.utils.prepared  # noqa: F401  before mmpretrain

from . import backbones, calibration, classifiers, heads, tta
from .backbones import *  # noqa: F403
from .calibration import *  # noqa: F403
from .classifiers import *  # noqa: F403
from .heads import *  # noqa: F403
from .pretrained import FittingPretrainedInit
from .tta import *  # noqa: F403

__all__ = [
    *backbones.__all__,
    *calibration.__all__,
    *classifiers.__all__,
    *heads.__all__,
    'FittingPretrainedInit',
    *tta.__all__,
]
