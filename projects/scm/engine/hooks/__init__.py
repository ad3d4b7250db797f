# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Hooks: pictures while testing, calibration scalars while training."""

from .calibration_log_hook import CalibrationLogHook
from .visualization_hook import WSOLVisualizationHook

__all__ = ['CalibrationLogHook', 'WSOLVisualizationHook']
