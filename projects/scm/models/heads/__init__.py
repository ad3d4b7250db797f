# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Heads that classify and localise."""

from .conformer_scm_head import ConformerSCMHead
from .scm_head import SCMHead
from .score_map_head import ScoreMapHead, best_classes
from .tscam_head import TSCAMHead

__all__ = [
    'ConformerSCMHead',
    'SCMHead',
    'ScoreMapHead',
    'TSCAMHead',
    'best_classes',
]
