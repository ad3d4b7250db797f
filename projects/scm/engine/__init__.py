# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What runs beside the training and test loops."""

import projects.scm.utils.prepared  # noqa: F401  before mmpretrain
from projects.scm.utils.file_backend import use_whole_files

from .hooks import (
    CalibrationLogHook,
    CheckpointFitHook,
    ClassCountHook,
    DataCheckHook,
    DurableCheckpointHook,
    IterationSeedHook,
    MissedValidationHook,
    ProgressLoggerHook,
    ResumeCheckHook,
    WSOLVisualizationHook,
)
from .log_processor import WSOLLogProcessor
from .loops import ResumableEpochLoop
from .runners import WSOLFlexibleRunner, WSOLRunner
from .schedulers import WarmUpLR

use_whole_files()

__all__ = [
    'CalibrationLogHook',
    'CheckpointFitHook',
    'ClassCountHook',
    'DataCheckHook',
    'DurableCheckpointHook',
    'IterationSeedHook',
    'MissedValidationHook',
    'ProgressLoggerHook',
    'ResumableEpochLoop',
    'ResumeCheckHook',
    'WSOLFlexibleRunner',
    'WSOLLogProcessor',
    'WSOLRunner',
    'WSOLVisualizationHook',
    'WarmUpLR',
]
