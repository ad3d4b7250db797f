# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Hooks: pictures, calibration scalars, a check of the classes."""

from .calibration_log_hook import CalibrationLogHook
from .class_count_hook import ClassCountHook
from .visualization_hook import WSOLVisualizationHook

__all__ = ['CalibrationLogHook', 'ClassCountHook', 'WSOLVisualizationHook']
