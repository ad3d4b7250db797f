# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Heads that classify and localise."""

from .cam_head import CAMHead
from .class_token_head import (
    AttentionHead,
    ClassTokenHead,
    LeGradHead,
    PrincipalComponentHead,
)
from .conformer_scm_head import ConformerSCMHead
from .scm_head import SCMHead
from .scm_plus_head import SCMPlusHead
from .score_map_head import ScoreMapHead, best_classes
from .token_head import TokenHead
from .trilite_head import TriLiteHead
from .tscam_head import TSCAMHead

__all__ = [
    'AttentionHead',
    'CAMHead',
    'ClassTokenHead',
    'ConformerSCMHead',
    'LeGradHead',
    'PrincipalComponentHead',
    'SCMHead',
    'SCMPlusHead',
    'ScoreMapHead',
    'TSCAMHead',
    'TokenHead',
    'TriLiteHead',
    'best_classes',
]
