# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Hooks: pictures, scalars, checkpoints, seeds, checks."""

from .calibration_log_hook import CalibrationLogHook
from .checkpoint_fit_hook import CheckpointFitHook
from .class_count_hook import ClassCountHook
from .data_check_hook import DataCheckHook
from .durable_checkpoint_hook import DurableCheckpointHook
from .iteration_seed_hook import IterationSeedHook
from .missed_validation_hook import MissedValidationHook
from .progress_logger_hook import ProgressLoggerHook
from .resume_check_hook import ResumeCheckHook
from .visualization_hook import WSOLVisualizationHook

__all__ = [
    'CalibrationLogHook',
    'CheckpointFitHook',
    'ClassCountHook',
    'DataCheckHook',
    'DurableCheckpointHook',
    'IterationSeedHook',
    'MissedValidationHook',
    'ProgressLoggerHook',
    'ResumeCheckHook',
    'WSOLVisualizationHook',
]
