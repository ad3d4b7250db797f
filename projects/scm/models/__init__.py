# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Backbones, the calibration module, heads and test-time augmentation."""

import projects.scm.utils.prepared  # noqa: F401  before mmpretrain

from .backbones import (
    TSCAMEVA02,
    TokenAttentionMixin,
    TSCAMBEiT,
    TSCAMConformer,
    TSCAMDeiT3,
    TSCAMDistilledViT,
    TSCAMTimm,
    TSCAMViT,
)
from .calibration import ActivationDiffusionBlock, SpatialCalibration
from .heads import (
    ConformerSCMHead,
    SCMHead,
    ScoreMapHead,
    TriLiteHead,
    TSCAMHead,
)
from .pretrained import FittingPretrainedInit
from .tta import FlipTTA

__all__ = [
    'TSCAMEVA02',
    'ActivationDiffusionBlock',
    'ConformerSCMHead',
    'FittingPretrainedInit',
    'FlipTTA',
    'SCMHead',
    'ScoreMapHead',
    'SpatialCalibration',
    'TSCAMBEiT',
    'TSCAMConformer',
    'TSCAMDeiT3',
    'TSCAMDistilledViT',
    'TSCAMHead',
    'TSCAMTimm',
    'TSCAMViT',
    'TokenAttentionMixin',
    'TriLiteHead',
]
