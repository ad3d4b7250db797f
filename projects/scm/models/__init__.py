# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Backbones, the calibration module, heads and test-time augmentation."""

import projects.scm.utils.prepared  # noqa: F401  before mmpretrain

from .backbones import (
    TSCAMEVA02,
    LeGradTimm,
    LeGradViT,
    PatchAttentionTimm,
    PatchAttentionViT,
    RolloutTimm,
    RolloutViT,
    TokenAttentionMixin,
    TSCAMBEiT,
    TSCAMConformer,
    TSCAMDeiT3,
    TSCAMDistilledViT,
    TSCAMTimm,
    TSCAMViT,
)
from .calibration import ActivationDiffusionBlock, SpatialCalibration
from .classifiers import GradCAMClassifier
from .heads import (
    AttentionHead,
    CAMHead,
    ConformerSCMHead,
    LeGradHead,
    PrincipalComponentHead,
    SCMHead,
    SCMPlusHead,
    ScoreMapHead,
    TriLiteHead,
    TSCAMHead,
)
from .pretrained import FittingPretrainedInit
from .tta import FlipTTA

__all__ = [
    'TSCAMEVA02',
    'ActivationDiffusionBlock',
    'AttentionHead',
    'CAMHead',
    'ConformerSCMHead',
    'FittingPretrainedInit',
    'FlipTTA',
    'GradCAMClassifier',
    'LeGradHead',
    'LeGradTimm',
    'LeGradViT',
    'PatchAttentionTimm',
    'PatchAttentionViT',
    'PrincipalComponentHead',
    'RolloutTimm',
    'RolloutViT',
    'SCMHead',
    'SCMPlusHead',
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
