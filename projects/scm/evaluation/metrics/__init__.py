# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Metrics of the OpenMMLab pipeline."""

from .wsol_evaluator import WSOLEvaluator, record_sample

__all__ = ['WSOLEvaluator', 'record_sample']
