# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Importing this module prepares the environment, and closes the door.

The first import of each package that needs mmpretrain or torchvision. From
then on MMEngine runs no code of the checkpoints that it reads.
"""

from .environment import prepare_environment

prepare_environment()

from .checkpoint_door import close_door  # noqa: E402  it imports MMEngine

close_door()
