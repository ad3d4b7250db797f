# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What runs beside the training and test loops."""

from .hooks import (
    CalibrationLogHook,
    IterationSeedHook,
    WSOLVisualizationHook,
)
from .runners import WSOLFlexibleRunner, WSOLRunner

__all__ = [
    'CalibrationLogHook',
    'IterationSeedHook',
    'WSOLFlexibleRunner',
    'WSOLRunner',
    'WSOLVisualizationHook',
]
