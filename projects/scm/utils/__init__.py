# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Checks of the environment. Nothing here imports mmpretrain by itself."""

from .environment import BrokenEnvironmentError, prepare_environment

__all__ = ['BrokenEnvironmentError', 'prepare_environment']
