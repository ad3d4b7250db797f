# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Localization protocols on arrays: no model, no data set, no framework.

From a score map to boxes: :func:`boxes_at_thresholds`. From the maps of a set
of images to the figures of one or several protocols: build an
:class:`EvaluationPlan`, call :func:`record_image` for every image (in any
process), then :func:`summarize` and :func:`format_table`. Where a detector
found the boxes, :func:`record_box` takes the place of :func:`record_image`.
"""

from projects.scm.structures import otsu_cut

from .bootstrap import (
    DRAWS,
    LEVEL,
    Interval,
    bootstrap_interval,
    paired_bootstrap,
)
from .differences import format_differences, pair_records
from .error_breakdown import ERROR_KINDS, classify_boxes
from .floors import box_floors, centred_squares
from .image_record import (
    ImageRecord,
    have_boxes,
    have_masks,
    record_box,
    record_image,
    record_localization,
)
from .masks import (
    decode_mask,
    merge_masks,
    peak_pixel_iou,
    pixel_curves,
    pixel_histograms,
    pxap,
)
from .pixel_figures import (
    PixelFigures,
    pixel_figures,
    record_pixels,
    summarize_pixels,
)
from .plan import EvaluationPlan
from .protocols import (
    DEFAULT_PROTOCOLS,
    PROTOCOLS,
    Measure,
    Protocol,
    get_protocol,
)
from .report import format_table
from .summary import Figure, Summary, is_trivial, summarize
from .threshold_boxes import (
    CutBoxes,
    boxes_at_cuts,
    boxes_at_thresholds,
    threshold_cuts,
)
from .thresholds import (
    ThresholdChoice,
    holds_label_threshold,
    load_label_threshold,
    load_thresholds,
    save_label_threshold,
    save_thresholds,
    threshold_spec,
)

__all__ = [
    'DEFAULT_PROTOCOLS',
    'DRAWS',
    'ERROR_KINDS',
    'LEVEL',
    'PROTOCOLS',
    'CutBoxes',
    'EvaluationPlan',
    'Figure',
    'ImageRecord',
    'Interval',
    'Measure',
    'PixelFigures',
    'Protocol',
    'Summary',
    'ThresholdChoice',
    'bootstrap_interval',
    'box_floors',
    'boxes_at_cuts',
    'boxes_at_thresholds',
    'centred_squares',
    'classify_boxes',
    'decode_mask',
    'format_differences',
    'format_table',
    'get_protocol',
    'have_boxes',
    'have_masks',
    'holds_label_threshold',
    'is_trivial',
    'load_label_threshold',
    'load_thresholds',
    'merge_masks',
    'otsu_cut',
    'pair_records',
    'paired_bootstrap',
    'peak_pixel_iou',
    'pixel_curves',
    'pixel_figures',
    'pixel_histograms',
    'pxap',
    'record_box',
    'record_image',
    'record_localization',
    'record_pixels',
    'save_label_threshold',
    'save_thresholds',
    'summarize',
    'summarize_pixels',
    'threshold_cuts',
    'threshold_spec',
]
