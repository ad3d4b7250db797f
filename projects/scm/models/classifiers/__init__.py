# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Classifiers whose score maps need more than their last features."""

from .grad_cam import GradCAMClassifier

__all__ = ['GradCAMClassifier']
