# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Metrics of the OpenMMLab pipeline."""

from .dump_pseudo_labels import DumpPseudoLabels
from .samples import record_sample
from .wsol_evaluator import WSOLEvaluator

__all__ = ['DumpPseudoLabels', 'WSOLEvaluator', 'record_sample']
