# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What people call: inference on any picture."""

from .wsol_inferencer import WSOLInferencer

__all__ = ['WSOLInferencer']
