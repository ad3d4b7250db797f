# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Checks of the environment, files written whole.

Nothing here imports mmpretrain by itself.
"""

from .environment import BrokenEnvironmentError, prepare_environment
from .files import write_file, write_json

__all__ = [
    'BrokenEnvironmentError',
    'prepare_environment',
    'write_file',
    'write_json',
]
