# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Metrics of the OpenMMLab pipeline."""

import projects.scm.utils.prepared  # noqa: F401  before mmpretrain

from .dump_pseudo_labels import DumpPseudoLabels
from .samples import record_sample
from .wsol_evaluator import WSOLEvaluator

__all__ = ['DumpPseudoLabels', 'WSOLEvaluator', 'record_sample']
