# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Weakly supervised object localization on MMPretrain: SCM and TS-CAM.

Importing this package registers its parts with mmpretrain's registries;
configs do so with ``custom_imports``.
"""

from .utils import prepare_environment

prepare_environment()

from . import datasets, engine, evaluation, models, visualization  # noqa: E402
from .version import __version__  # noqa: E402

__all__ = [
    '__version__',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'visualization',
]
