# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Weakly supervised localization: protocols on arrays, and metrics."""

from .metrics import DumpPseudoLabels, WSOLEvaluator

__all__ = ['DumpPseudoLabels', 'WSOLEvaluator']
