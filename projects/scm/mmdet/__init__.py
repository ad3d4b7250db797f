# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Localization models and mmdet's detectors, used together.

Not a part of what ``import projects.scm`` registers: mmdet's detectors need
mmcv with compiled operators. Configs ask for it with
``custom_imports = dict(imports=['projects.scm', 'projects.scm.mmdet'])``.
"""

from .requirements import require_mmcv_ops

require_mmcv_ops()

from .joined_localization import JoinedLocalization  # noqa: E402
from .wsol_detector import WSOLDetector  # noqa: E402

__all__ = ['JoinedLocalization', 'WSOLDetector', 'require_mmcv_ops']
