# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Plain structures: localizations, boxes, score maps, token features."""

from .annotated_size import FrameError, fit_frame, turn_boxes, turn_boxes_back
from .annotation import Annotation, MaskFiles
from .box_edges import BoxError, FittedBoxes, box_problem, fit_boxes
from .boxes import (
    boxes_to_frame,
    coverage_inclusive,
    iou_half_open,
    iou_inclusive,
    scale_boxes,
    xywh_to_xyxy,
    xyxy_to_xywh,
)
from .localization import Localization, as_array, rank_classes
from .score_maps import (
    CONTOURS,
    INTERPOLATIONS,
    OTSU,
    binarize_levels,
    check_box_cfg,
    check_score_map,
    contour_boxes,
    normalize_score_map,
    otsu_cut,
    quantize_score_map,
    resize_score_map,
    score_map_to_boxes,
    score_map_to_outlines,
)
from .tokens import TokenFeatures

__all__ = [
    'CONTOURS',
    'INTERPOLATIONS',
    'OTSU',
    'Annotation',
    'BoxError',
    'FittedBoxes',
    'FrameError',
    'Localization',
    'MaskFiles',
    'TokenFeatures',
    'as_array',
    'binarize_levels',
    'box_problem',
    'boxes_to_frame',
    'check_box_cfg',
    'check_score_map',
    'contour_boxes',
    'coverage_inclusive',
    'fit_boxes',
    'fit_frame',
    'iou_half_open',
    'iou_inclusive',
    'normalize_score_map',
    'otsu_cut',
    'quantize_score_map',
    'rank_classes',
    'resize_score_map',
    'scale_boxes',
    'score_map_to_boxes',
    'score_map_to_outlines',
    'turn_boxes',
    'turn_boxes_back',
    'xywh_to_xyxy',
    'xyxy_to_xywh',
]
