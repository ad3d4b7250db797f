# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Test-time augmentation."""

from .flip import FlipTTA

__all__ = ['FlipTTA']
