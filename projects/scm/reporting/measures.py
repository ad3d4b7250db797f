# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Measures of one test run, all by the functions of the evaluation."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from projects.scm.evaluation.functional import (
    DEFAULT_PROTOCOLS,
    PROTOCOLS,
    EvaluationPlan,
    ImageRecord,
    Summary,
    boxes_at_cuts,
    otsu_cut,
    record_image,
    summarize,
    threshold_cuts,
    threshold_spec,
)
from projects.scm.reporting.records import Record
from projects.scm.structures import (
    as_array,
    normalize_score_map,
    quantize_score_map,
    resize_score_map,
    scale_boxes,
)

__all__ = ['RunMeasures', 'build_plan', 'measure_run']


class RunMeasures(NamedTuple):
    """What the page shows of one run, besides its records."""

    main: Summary
    """Of the protocol whose boxes are drawn."""
    others: Sequence[Summary]
    """Of the other protocols."""
    threshold: float | None
    """At which boxes are drawn; None for Otsu's of each map."""
    kinds: np.ndarray
    """uint8 (n,), index into ``ERROR_KINDS`` at that threshold."""
    ious: np.ndarray
    """float (2, n): best IoU of the predicted and of the true class's box."""
    bboxes: np.ndarray
    """float (2, n, 4): those boxes, xyxy in pixels of the original image."""


def build_plan(
    protocol: str, threshold: str | float | None = None
) -> EvaluationPlan:
    """Evaluate by the usual protocols, one in front.

    Args:
        protocol (str): The one whose boxes and errors are shown: a name in
            ``PROTOCOLS`` that looks at the predicted class.
        threshold (str | float, optional): ``'oracle'``, ``'otsu'``, a number
            in [0, 1] or a JSON file of thresholds chosen on another split.
            Defaults to None: as each protocol's authors do.

    Returns:
        EvaluationPlan: The protocol, then the others.

    Raises:
        ValueError: If the protocol or the threshold is none of these.
        FileNotFoundError: If the file of thresholds is missing.
    """
    suited = [
        name
        for name, preset in PROTOCOLS.items()
        if any(measure.needs_class for measure in preset.measures)
    ]
    if protocol not in suited:
        raise ValueError(
            f'protocol: expected one that sorts errors, {suited}, got '
            f'{protocol!r}'
        )
    others = (name for name in DEFAULT_PROTOCOLS if name != protocol)
    names = [protocol, *others]
    return EvaluationPlan.build(names, threshold_spec(threshold))


def measure_run(
    plan: EvaluationPlan, records: Iterable[Record]
) -> RunMeasures:
    """Evaluate one test run.

    Args:
        plan (EvaluationPlan): Of :func:`build_plan`.
        records (Iterable[Record]): The run; it is gone through once, so that
            a progress bar may be wrapped around it.

    Returns:
        RunMeasures: Its measures.
    """
    kept, evaluated = [], []
    for record in records:
        kept.append(record)
        evaluated.append(
            record_image(
                plan,
                as_array(record.found.score_maps),
                record.found.map_labels,
                record.gt_label,
                record.gt_bboxes,
                record.size_wh,
                ranking=record.found.ranking[:5],
                name=record.img_path,
            )
        )
    main, *others = summarize(plan, evaluated)
    threshold = main.figures[main.errors_of].threshold
    column = _column(plan, threshold)
    found = [
        [
            _box(plan, threshold, record, image, getattr(record, which))
            for record, image in zip(kept, evaluated, strict=True)
        ]
        for which in ('pred_label', 'gt_label')
    ]
    kinds = [image.kinds[main.protocol.name][column] for image in evaluated]
    return RunMeasures(
        main=main,
        others=others,
        threshold=threshold,
        kinds=np.array(kinds),
        ious=np.array([[iou for _, iou in row] for row in found]),
        bboxes=np.array([[box for box, _ in row] for row in found]),
    )


def _column(plan: EvaluationPlan, threshold: float | None) -> int:
    """Place of the shown threshold in the records; Otsu's comes last."""
    if threshold is None:
        return -1
    return int(np.flatnonzero(plan.thresholds(0) == threshold)[0])


def _box(
    plan: EvaluationPlan,
    threshold: float | None,
    record: Record,
    image: ImageRecord,
    label: int,
) -> tuple[np.ndarray, float]:
    """Box of a class at the shown threshold, in pixels, and its IoU."""
    protocol, frame = plan.protocols[0], plan.frame_size_wh
    score_map = as_array(record.found.map_of(label))
    resized = resize_score_map(score_map, frame, protocol.interpolation)
    levels = quantize_score_map(normalize_score_map(resized))
    if threshold is None:
        cuts = np.array([otsu_cut(levels)])
    else:
        cuts = threshold_cuts(levels, [threshold])
    boxes = boxes_at_cuts(levels, cuts).finish(
        frame, clamp=protocol.clamp, empty_box=protocol.empty_box
    )
    iou = float(boxes.best_iou(image.gt_boxes)[0])
    return scale_boxes(boxes.boxes, frame, record.size_wh)[0], iou
