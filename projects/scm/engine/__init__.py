# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What runs beside the training and test loops."""

from .hooks import CalibrationLogHook, WSOLVisualizationHook

__all__ = ['CalibrationLogHook', 'WSOLVisualizationHook']
