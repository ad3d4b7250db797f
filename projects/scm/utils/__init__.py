# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Checks of the environment, files written whole, results of test runs read.

Nothing here imports mmpretrain by itself.
"""

from .environment import BrokenEnvironmentError, prepare_environment
from .files import (
    read_json,
    read_json_lines,
    remove_parts,
    write_file,
    write_json,
)
from .results import load_test_run, match_images

__all__ = [
    'BrokenEnvironmentError',
    'load_test_run',
    'match_images',
    'prepare_environment',
    'read_json',
    'read_json_lines',
    'remove_parts',
    'write_file',
    'write_json',
]
