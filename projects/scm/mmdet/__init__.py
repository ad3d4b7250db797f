# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Localization models and mmdet's detectors, used together.

Not a part of what ``import projects.scm`` registers: mmdet's detectors need
mmcv with compiled operators. Configs ask for it with
``custom_imports = dict(imports=['projects.scm', 'projects.scm.mmdet'])``.
"""

from .requirements import require_mmcv_ops

require_mmcv_ops()

from mmdet.registry import METRICS  # noqa: E402

from projects.scm.evaluation import WSOLEvaluator  # noqa: E402

from .wsol_detector import WSOLDetector  # noqa: E402

METRICS.register_module(module=WSOLEvaluator)

__all__ = ['WSOLDetector', 'WSOLEvaluator', 'require_mmcv_ops']
