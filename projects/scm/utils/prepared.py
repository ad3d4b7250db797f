# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Importing this module prepares the environment.

The first import of each package that needs mmpretrain or torchvision.
"""

from .environment import prepare_environment

prepare_environment()
