# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Hooks: pictures, scalars, seeds, a check of the classes."""

from .calibration_log_hook import CalibrationLogHook
from .class_count_hook import ClassCountHook
from .iteration_seed_hook import IterationSeedHook
from .visualization_hook import WSOLVisualizationHook

__all__ = [
    'CalibrationLogHook',
    'ClassCountHook',
    'IterationSeedHook',
    'WSOLVisualizationHook',
]
