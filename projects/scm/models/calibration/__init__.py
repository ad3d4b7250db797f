# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The Spatial Calibration Module."""

from .normalize import min_max
from .spatial_calibration import (
    OFFICIAL_ITERATIONS,
    ActivationDiffusionBlock,
    SpatialCalibration,
)

__all__ = [
    'OFFICIAL_ITERATIONS',
    'ActivationDiffusionBlock',
    'SpatialCalibration',
    'min_max',
]
