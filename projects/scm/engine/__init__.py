# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What runs beside the training and test loops."""

import projects.scm.utils.prepared  # noqa: F401  before mmpretrain
from projects.scm.utils.file_backend import use_whole_files

from . import hooks
from .hooks import *  # noqa: F403
from .log_processor import WSOLLogProcessor
from .loops import ResumableEpochLoop
from .runners import WSOLFlexibleRunner, WSOLRunner
from .schedulers import WarmUpLR

use_whole_files()

__all__ = [
    *hooks.__all__,
    'ResumableEpochLoop',
    'WSOLFlexibleRunner',
    'WSOLLogProcessor',
    'WSOLRunner',
    'WarmUpLR',
]
