# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Reduce the score maps of one image to a few hundred numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import (
    boxes_to_frame,
    normalize_score_map,
    quantize_score_map,
    resize_score_map,
    validate_boxes,
)

from .error_breakdown import ERROR_KINDS, classify_boxes
from .plan import EvaluationPlan
from .protocols import Measure, Protocol
from .threshold_boxes import CutBoxes, boxes_at_cuts, threshold_cuts
from .thresholds import otsu_cut


@dataclass
class ImageRecord:
    """What is kept of an image.

    Attributes:
        gt_label: The true class.
        rank: Place of the true class among the best five, from 0; -1 if it
            is not among them, None if there is no ranking.
        gt_boxes: (m, 4) int64 inclusive boxes in the frame.
        hits: By protocol and measure, bits (d, T + e + 1) packed along the
            last axis: whether the image is a hit at each IoU threshold and
            each score map threshold of the plan, the last one Otsu's.
        kinds: By protocol, (T + e + 1,) uint8, error kinds of the box of the
            predicted class, where the protocol looks at this class.
    """

    gt_label: int
    rank: int | None
    gt_boxes: np.ndarray
    hits: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    kinds: dict[str, np.ndarray] = field(default_factory=dict)


class _MapBoxes:
    """Boxes of an image's maps, each computed once."""

    def __init__(
        self, maps: ArrayLike, labels: Sequence[int], size: tuple[int, int]
    ) -> None:
        self.maps = maps
        self.labels = list(labels)
        self.size = size
        self._levels: dict = {}
        self._boxes: dict = {}

    def _levels_of(self, label: int, interpolation: str) -> np.ndarray:
        key = (label, interpolation)
        if key not in self._levels:
            score_map = self.maps[self.labels.index(label)]
            resized = resize_score_map(score_map, self.size, interpolation)
            self._levels[key] = quantize_score_map(
                normalize_score_map(resized)
            )
        return self._levels[key]

    def boxes(
        self,
        label: int,
        protocol: Protocol,
        contours: str,
        thresholds: np.ndarray,
    ) -> CutBoxes:
        """Boxes of a class at the thresholds, and last at Otsu's."""
        interpolation = protocol.interpolation
        key = (label, interpolation, contours, thresholds.tobytes())
        if key not in self._boxes:
            levels = self._levels_of(label, interpolation)
            cuts = np.append(
                threshold_cuts(levels, thresholds), otsu_cut(levels)
            )
            self._boxes[key] = boxes_at_cuts(levels, cuts, contours)
        return self._boxes[key].finish(
            self.size, clamp=protocol.clamp, empty_box=protocol.empty_box
        )


def record_image(
    plan: EvaluationPlan,
    maps: ArrayLike,
    map_labels: Sequence[int],
    gt_label: int,
    gt_boxes: ArrayLike,
    image_size_wh: Sequence[int],
    *,
    ranking: Sequence[int] | None,
    name: str,
) -> ImageRecord:
    """Evaluate the score maps of one image.

    Args:
        plan (EvaluationPlan): What to compute.
        maps (ArrayLike): (k, h, w) raw score maps of any range.
        map_labels (Sequence[int]): (k,) class of each map; the true class
            and, where there is a ranking, the best five classes are needed.
        gt_label (int): The true class.
        gt_boxes (ArrayLike): (m, 4) ``x0, y0, x1, y1`` in pixels of the
            original image, m ≥ 1.
        image_size_wh (Sequence[int]): Width and height of the original image.
        ranking (Sequence[int], optional): The best classes, best first; five
            or, if there are fewer classes, all. None evaluates the map of
            the true class only.
        name (str): The image, for messages.

    Returns:
        ImageRecord: Numbers, no map.

    Raises:
        ValueError: If a map or box is not as described; the message names
            the image.
    """
    boxes = validate_boxes(gt_boxes, image_size_wh, name=name, tolerance=1)
    labels = [int(label) for label in map_labels]
    maps = _check_maps(maps, labels, name)
    ranked = None if ranking is None else [int(c) for c in ranking[:5]]
    gt_label = int(gt_label)
    for label in [gt_label, *(ranked or [])]:
        if label not in labels:
            raise ValueError(
                f'{name}: score_map_labels: no map of class {label}, only of '
                f'{labels}'
            )
    record = ImageRecord(
        gt_label=gt_label,
        rank=None if ranked is None else _rank(ranked, gt_label),
        gt_boxes=boxes_to_frame(boxes, image_size_wh, plan.frame_size_wh),
    )
    found = _MapBoxes(maps, labels, plan.frame_size_wh)
    limits = np.asarray(plan.iou_thresholds)[:, None]
    for index, protocol in enumerate(plan.protocols):
        thresholds = plan.thresholds(index)
        hits = {}
        for measure in protocol.measures:
            ious = _best_ious(
                measure, protocol, thresholds, found, record, ranked
            )
            hit = ious > limits if measure.strict else ious >= limits
            hits[measure.name] = np.packbits(hit, axis=-1)
        record.hits[protocol.name] = hits
        if any(m.needs_class for m in protocol.measures):
            record.kinds[protocol.name] = _error_kinds(
                protocol, thresholds, found, record, ranked
            )
    return record


def _rank(ranked: list[int], label: int) -> int:
    return ranked.index(label) if label in ranked else -1


def _check_maps(maps: ArrayLike, labels: list[int], name: str) -> np.ndarray:
    maps = np.asarray(maps)
    if maps.ndim != 3 or len(maps) != len(labels) or maps.size == 0:
        raise ValueError(
            f'{name}: score_maps: expected shape ({len(labels)}, h, w), one '
            f'map for each of score_map_labels, got {maps.shape}'
        )
    if not np.isfinite(maps).all():
        bad = [
            label
            for label, score_map in zip(labels, maps, strict=True)
            if not np.isfinite(score_map).all()
        ]
        raise ValueError(
            f'{name}: score_maps: NaN or infinite values in the maps of '
            f'classes {bad}'
        )
    return maps


def _best_ious(
    measure: Measure,
    protocol: Protocol,
    thresholds: np.ndarray,
    found: _MapBoxes,
    record: ImageRecord,
    ranked: list[int] | None,
) -> np.ndarray:
    """(T + e + 1,) best IoU at each threshold; -1 where the class is wrong."""
    if measure.maps == 'gt':
        classes = [record.gt_label]
    elif ranked is None:
        raise ValueError(
            f'protocol {protocol.name!r}: {measure.name} needs a ranking of '
            'classes'
        )
    else:
        classes = ranked[: 1 if measure.maps == 'top1' else 5]
        if measure.needs_class:
            classes = [c for c in classes if c == record.gt_label]
    if not classes:
        return np.full(len(thresholds) + 1, -1.0)
    ious = [
        found.boxes(label, protocol, measure.contours, thresholds).best_iou(
            record.gt_boxes
        )
        for label in classes
    ]
    return np.max(ious, axis=0)


def _error_kinds(
    protocol: Protocol,
    thresholds: np.ndarray,
    found: _MapBoxes,
    record: ImageRecord,
    ranked: list[int],
) -> np.ndarray:
    """(T + e + 1,) uint8, error kinds of the predicted class's box."""
    if record.rank != 0:
        return np.full(len(thresholds) + 1, ERROR_KINDS.index('cls'), np.uint8)
    boxes = found.boxes(ranked[0], protocol, 'largest', thresholds)
    kinds = classify_boxes(boxes.boxes, record.gt_boxes)
    return kinds[boxes.offsets[boxes.place]]
