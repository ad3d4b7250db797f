# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What people call: inference on any picture."""

import projects.scm.register  # noqa: F401  what configs name

from .wsol_inferencer import WSOLInferencer

__all__ = ['WSOLInferencer']
