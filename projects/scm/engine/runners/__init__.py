# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Runners whose trainings can be interrupted."""

from .wsol_runner import WSOLFlexibleRunner, WSOLRunner

__all__ = ['WSOLFlexibleRunner', 'WSOLRunner']
