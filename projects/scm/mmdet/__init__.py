# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Localization models and mmdet's detectors, used together.

Not a part of what ``projects.scm.register`` registers: mmdet's detectors need
mmcv with compiled operators. Configs ask for it with ``custom_imports =
dict(imports=['projects.scm.register', 'projects.scm.mmdet'])``.
"""

import importlib

from projects.scm.utils.environment import without_known_lines

from .requirements import require_mmcv_ops

require_mmcv_ops()
with without_known_lines():
    importlib.import_module('mmdet.datasets')
    importlib.import_module('mmdet.evaluation')

from mmdet.registry import METRICS  # noqa: E402

from projects.scm.evaluation.metrics import WSOLEvaluator  # noqa: E402

from .wsol_detector import WSOLDetector  # noqa: E402

METRICS.register_module(module=WSOLEvaluator)
# The layer of detectors that mmpretrain has where it finds mmdet, which is
# hidden from it when projects.scm loads it first.
_layer = importlib.import_module(
    'mmpretrain.models.utils.res_layer_extra_norm'
)
if _layer.ResLayerExtraNorm is None:
    importlib.reload(_layer)

__all__ = ['WSOLDetector', 'WSOLEvaluator', 'require_mmcv_ops']
