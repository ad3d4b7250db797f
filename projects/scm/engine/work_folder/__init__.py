# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What a training keeps in its work folder, so that nothing is lost."""

from .checkpoints import (
    find_intact,
    has_checkpoints,
    last_checkpoint,
    point_to,
)
from .lock import WorkFolderInUse, WorkFolderLock
from .settings import compare_settings, flatten_settings
from .start import prepare_work_folder
from .validated import read_validated, write_validated

__all__ = [
    'WorkFolderInUse',
    'WorkFolderLock',
    'compare_settings',
    'find_intact',
    'flatten_settings',
    'has_checkpoints',
    'last_checkpoint',
    'point_to',
    'prepare_work_folder',
    'read_validated',
    'write_validated',
]
