# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Localization protocols on arrays: usable without any framework."""

from .threshold_boxes import (
    CutBoxes,
    boxes_at_cuts,
    boxes_at_thresholds,
    threshold_cuts,
)

__all__ = [
    'CutBoxes',
    'boxes_at_cuts',
    'boxes_at_thresholds',
    'threshold_cuts',
]
