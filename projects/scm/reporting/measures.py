# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Measures of one test run, all by the functions of the evaluation."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from projects.scm.evaluation.functional import (
    DEFAULT_PROTOCOLS,
    ERROR_KINDS,
    PROTOCOLS,
    CutBoxes,
    EvaluationPlan,
    PixelFigures,
    Summary,
    boxes_at_cuts,
    classify_boxes,
    otsu_cut,
    summarize,
    summarize_pixels,
    threshold_cuts,
    threshold_spec,
)
from projects.scm.evaluation.metrics.samples import record_found
from projects.scm.reporting.records import Record
from projects.scm.structures import (
    as_array,
    normalize_score_map,
    quantize_score_map,
    resize_score_map,
)

SLIDER_STOPS = (101, 51, 21, 11)
SLIDER = np.linspace(0, 1, SLIDER_STOPS[0])
"""Thresholds of the page's slider, where there is room."""


class RunMeasures(NamedTuple):
    """What the page shows of one run, besides its records."""

    main: Summary
    """Of the protocol whose boxes are drawn."""
    others: Sequence[Summary]
    """Of the other protocols."""
    threshold: float | None
    """At which boxes are drawn; None for Otsu's of each map."""
    kinds: np.ndarray
    """uint8 (n,), index into ``ERROR_KINDS`` at that threshold; without true
    boxes ``'right'`` and ``'cls'`` alone."""
    ious: np.ndarray
    """float (2, n): best IoU of the predicted and of the true class's box;
    zeros without true boxes."""
    bboxes: np.ndarray
    """float (2, n, 4): those boxes, xyxy in pixels of the original image."""
    taus: np.ndarray
    """(T,) thresholds of the page's slider."""
    swept_boxes: np.ndarray
    """uint8 (2, n, T, 4): boxes at each of them, xyxy in the frame."""
    swept_ious: np.ndarray
    """uint16 (2, n, T): their IoU in units of 1/10000."""
    swept_kinds: np.ndarray
    """uint8 (n, T): kinds at each of them."""
    frame_wh: tuple[int, int]
    """Width and height of the frame."""
    pixels: PixelFigures | None = None
    """Against masks, where the images have some."""

    @property
    def has_boxes(self) -> bool:
        """Whether the images have true boxes."""
        return bool(self.main.figures)


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


def slider_thresholds(num_maps: int, budget: int) -> np.ndarray:
    """Thresholds of the slider, as many as there is room for.

    Args:
        num_maps (int): Maps on the page.
        budget (int): Bytes for the boxes of all of them.

    Returns:
        np.ndarray: (T,) from 0 to 1, a hundredth apart if they fit.
    """
    # A box, its IoU and its kind are 7 bytes, in base64.
    fit = budget * 3 // (4 * 7 * max(num_maps, 1))
    count = next((n for n in SLIDER_STOPS if n <= fit), SLIDER_STOPS[-1])
    return np.linspace(0, 1, count)


def measure_run(
    plan: EvaluationPlan,
    records: Iterable[Record],
    taus: Sequence[float] = SLIDER,
) -> RunMeasures:
    """Evaluate one test run.

    Args:
        plan (EvaluationPlan): Of :func:`build_plan`.
        records (Iterable[Record]): The run; it is gone through once, so that
            a progress bar may be wrapped around it.
        taus (Sequence[float]): (T,) thresholds of the slider. Defaults to
            :data:`SLIDER`.

    Returns:
        RunMeasures: Its measures.
    """
    kept, evaluated = [], []
    for record in records:
        kept.append(record)
        evaluated.append(record_found(plan, record.found, record.truth))
    main, *others = summarize(plan, evaluated)
    taus = np.asarray(taus, np.float64)
    threshold = _shown_threshold(plan, main)
    boxes = np.zeros((2, len(kept), len(taus) + 1, 4), np.int64)
    ious = np.zeros(boxes.shape[:3])
    kinds = np.full(boxes.shape[1:3], ERROR_KINDS.index('cls'), np.uint8)
    for n, (record, image) in enumerate(zip(kept, evaluated, strict=True)):
        for which, label in enumerate((record.pred_label, record.gt_label)):
            if which and record.right_class:
                boxes[1, n], ious[1, n] = boxes[0, n], ious[0, n]
                continue
            found = _boxes(plan, threshold, taus, record, label)
            boxes[which, n] = found.boxes[found.offsets[found.place]]
            if len(image.gt_boxes):
                ious[which, n] = found.best_iou(image.gt_boxes)
        if record.right_class and len(image.gt_boxes):
            kinds[n] = classify_boxes(boxes[0, n], image.gt_boxes)
        elif record.right_class:
            kinds[n] = ERROR_KINDS.index('right')
    sizes = np.array([record.size_wh for record in kept])
    return RunMeasures(
        main=main,
        others=others,
        threshold=threshold,
        kinds=kinds[:, 0],
        ious=ious[:, :, 0],
        bboxes=boxes[:, :, 0] * np.tile(sizes / plan.frame_size_wh, 2),
        taus=taus,
        swept_boxes=boxes[:, :, 1:].astype(np.uint8),
        swept_ious=np.rint(ious[:, :, 1:] * 10000).astype(np.uint16),
        swept_kinds=kinds[:, 1:],
        frame_wh=plan.frame_size_wh,
        pixels=summarize_pixels(evaluated),
    )


def _shown_threshold(plan: EvaluationPlan, main: Summary) -> float | None:
    """Threshold of the drawn boxes; None for Otsu's.

    Where no true box says which is best, Otsu's stands for the oracle.
    """
    if main.figures:
        return main.figures[main.errors_of].threshold
    choice = plan.choices[0]
    if choice.type in ('oracle', 'otsu'):
        return None
    (measure, *_) = (m for m in main.protocol.measures if m.needs_class)
    return choice.threshold_of(main.protocol.name, measure.key(0.5))


def _boxes(
    plan: EvaluationPlan,
    threshold: float | None,
    taus: np.ndarray,
    record: Record,
    label: int,
) -> CutBoxes:
    """Box of a class at the shown threshold, then at those of the slider."""
    protocol, frame = plan.protocols[0], plan.frame_size_wh
    score_map = as_array(record.found.map_of(label))
    resized = resize_score_map(score_map, frame, protocol.interpolation)
    levels = quantize_score_map(normalize_score_map(resized))
    if threshold is None:
        shown = np.array([otsu_cut(levels)])
    else:
        shown = threshold_cuts(levels, [threshold])
    cuts = np.concatenate([shown, threshold_cuts(levels, taus)])
    return boxes_at_cuts(levels, cuts).finish(
        frame, clamp=protocol.clamp, empty_box=protocol.empty_box
    )
