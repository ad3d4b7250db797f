# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Learning rates."""

from .warm_up import WarmUpLR

__all__ = ['WarmUpLR']
