# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Reduce the score maps, or the box, of an image to a few hundred numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import (
    Annotation,
    Localization,
    as_array,
    boxes_to_frame,
    fit_boxes,
    otsu_cut,
)
from projects.scm.structures.score_maps import resize_checked_map

from .error_breakdown import ERROR_KINDS, classify_boxes
from .grey_levels import raw_levels
from .plan import EvaluationPlan
from .protocols import Measure
from .threshold_boxes import CutBoxes, search_flags


@dataclass
class ImageRecord:
    """What is kept of an image.

    Attributes:
        name: What the image is called in messages.
        gt_label: The true class.
        rank: Place of the true class among the best five, from 0; -1 if it
            is not among them, None if there is no ranking.
        gt_boxes: (m, 4) int64 inclusive boxes in the frame; none in a set
            without boxes, which has no hits and no kinds either.
        num_cut_boxes: How many of them left the image and were cut.
        num_moved_boxes: How many were annotated in the image at another
            size, or turned.
        hits: By protocol and measure, bits (d, T + e + 1) packed along the
            last axis: whether the image is a hit at each IoU threshold and
            each score map threshold of the plan, the last one Otsu's.
        kinds: By protocol, (T + e + 1,) uint8, error kinds of the box of the
            predicted class, where the protocol looks at this class.
        pixels: See :func:`record_pixels`; None in a set without masks.
        num_classes: Classes that the model knows; None if that is not known.
    """

    name: str
    gt_label: int
    rank: int | None
    gt_boxes: np.ndarray
    num_cut_boxes: int = 0
    num_moved_boxes: int = 0
    hits: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    kinds: dict[str, np.ndarray] = field(default_factory=dict)
    pixels: np.ndarray | None = None
    num_classes: int | None = None

    def count_fitted(self, truth: Annotation) -> None:
        """Count boxes that were cut or moved before they came here.

        Args:
            truth (Annotation): The pipeline has fitted its boxes, where it
                knew the rule of the format.
        """
        self.num_cut_boxes += truth.num_cut_boxes
        self.num_moved_boxes += truth.num_moved_boxes


def have_boxes(records: Sequence[ImageRecord]) -> bool:
    """Whether a set has true boxes, all of its images or none.

    Args:
        records (Sequence[ImageRecord]): Of the set, at least one.

    Returns:
        bool: Whether localization can be measured.

    Raises:
        ValueError: If some images have boxes and others do not; the message
            names one that does not.
    """
    without = [record.name for record in records if not len(record.gt_boxes)]
    return _all_or_none(
        records,
        without,
        'ground truth box',
        ': annotate all images, or set with_boxes=False in the dataset to '
        'measure classification alone',
    )


def have_masks(records: Sequence[ImageRecord]) -> bool:
    """The same of masks, see :func:`have_boxes`."""
    without = [record.name for record in records if record.pixels is None]
    return _all_or_none(records, without, 'mask')


def _all_or_none(
    records: Sequence[ImageRecord],
    without: list[str],
    what: str,
    cure: str = '',
) -> bool:
    if without and len(without) < len(records):
        raise ValueError(
            f'{without[0]}: no {what}, but other images have some '
            f'({len(without)} of {len(records)} so far have none){cure}'
        )
    return not without


class _Look(NamedTuple):
    """Boxes of a class beside the true ones, at a protocol's thresholds.

    At the T of the grid, the e that were given, and Otsu's.
    """

    ious: np.ndarray  # (T + e + 1,) float64, best IoU with a true box
    kinds: np.ndarray  # (T + e + 1,) uint8, error kinds of the largest box


#: By class and interpolation, protocols by index, contours, and for what.
_Wanted = Mapping[tuple[int, str], Mapping[tuple[int, str], Measure]]


class _MapBoxes:
    """Boxes of the score maps of an image; each map is searched once."""

    def __init__(
        self,
        plan: EvaluationPlan,
        maps: Mapping[int, np.ndarray],  # float64, finite
        wanted: _Wanted,
        gt_boxes: np.ndarray,
    ) -> None:
        self.plan = plan
        self.maps = maps
        self.wanted = wanted
        self.gt_boxes = gt_boxes.astype(np.float64)
        self._looks: dict[tuple[int, int, str], _Look] = {}

    def look(self, label: int, index: int, contours: str) -> _Look:
        """See the boxes of a class as a protocol of the plan sees them."""
        if (label, index, contours) not in self._looks:
            self._search(label, self.plan.protocols[index].interpolation)
        return self._looks[label, index, contours]

    def _search(self, label: int, interpolation: str) -> None:
        from .image_record_loops import look_at_map

        plan, wanted = self.plan, tuple(self.wanted[label, interpolation])
        framed = raw_levels(
            resize_checked_map(
                self.maps[label], plan.frame_size_wh, interpolation
            )
        )
        flags = search_flags({kind for _, kind in wanted}, plan.contours)
        ious, kinds = look_at_map(
            framed,
            cv2.transpose(framed),
            plan.shared_thresholds[interpolation],
            otsu_cut(framed[1:-1, 1:-1]),
            *flags,
            plan.looks(wanted),
            self.gt_boxes,
        )
        begin = 0
        for index, contours in wanted:
            end = begin + plan.num_columns(index)
            self._looks[label, index, contours] = _Look(
                ious[begin:end], kinds[begin:end]
            )
            begin = end


class _GivenBox:
    """The box that a detector found, the same for all classes and cuts."""

    def __init__(
        self,
        plan: EvaluationPlan,
        box: np.ndarray | None,
        gt_boxes: np.ndarray,
    ) -> None:
        self.plan = plan
        self.found = np.empty((0, 4), np.int64) if box is None else box[None]
        self.gt_boxes = gt_boxes

    def look(self, label: int, index: int, contours: str) -> _Look:
        """See the boxes of a class as a protocol of the plan sees them."""
        del label, contours
        protocol = self.plan.protocols[index]
        place = np.zeros(self.plan.num_columns(index), np.int64)
        offsets = np.array([0, len(self.found)])
        boxes = CutBoxes(self.found, offsets, place).finish(
            self.plan.frame_size_wh,
            clamp=protocol.clamp,
            empty_box=protocol.empty_box,
        )
        kinds = classify_boxes(boxes.boxes, self.gt_boxes)
        return _Look(boxes.best_iou(self.gt_boxes), kinds[place])


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
        map_labels (Sequence[int]): (k,) class of each map; those classes
            are needed that a measure of the plan looks at.
        gt_label (int): The true class.
        gt_boxes (ArrayLike): (m, 4) ``x0, y0, x1, y1`` in pixels of the
            original image. What leaves the image is cut, see
            :func:`~projects.scm.structures.fit_boxes`. m = 0 records what
            the classifier says alone.
        image_size_wh (Sequence[int]): Width and height of the original image.
        ranking (Sequence[int], optional): The best classes, best first; five
            or, if there are fewer classes, all. None evaluates the map of
            the true class only.
        name (str): The image, for messages.

    Returns:
        ImageRecord: Numbers, no map.

    Raises:
        ValueError: If a map or box is not as described; the message names
            the image. If a threshold is to be chosen by labels, and was not.
    """
    plan.check_source(given_boxes=False)
    for choice in plan.choices:
        choice.check_known()
    ranked = _check_ranking(plan, ranking, name)
    record = _start_record(
        plan, gt_label, gt_boxes, image_size_wh, ranked, name
    )
    labels = [int(label) for label in map_labels]
    maps = _check_maps(maps, labels, name)
    wanted = _wanted_looks(plan, record.gt_label, ranked)
    for (label, _), looks in wanted.items():
        if label not in labels:
            (index, _), measure = next(iter(looks.items()))
            raise ValueError(
                f'{name}: score_map_labels: no map of class {label}, only of '
                f'{labels}; {measure.name} of protocol '
                f'{plan.protocols[index].name} looks at it (map_topk of '
                'model.head)'
            )
    found = _MapBoxes(
        plan,
        dict(zip(labels, maps, strict=True)),
        wanted,
        record.gt_boxes,
    )
    return _fill_record(record, plan, found, ranked)


def record_localization(
    plan: EvaluationPlan, found: Localization, truth: Annotation
) -> ImageRecord:
    """Evaluate what was predicted for one image against what is true.

    Args:
        plan (EvaluationPlan): What to compute.
        found (Localization): With class scores and score maps of the classes
            that a measure of the plan looks at.
        truth (Annotation): Its boxes that were cut or moved are counted.

    Returns:
        ImageRecord: Numbers, no map.

    Raises:
        ValueError: See :func:`record_image`.
    """
    ranking = found.ranking
    record = record_image(
        plan,
        as_array(found.score_maps),
        found.map_labels,
        truth.gt_label,
        truth.gt_boxes,
        truth.image_size_wh,
        ranking=ranking[:5],
        name=found.name,
    )
    record.num_classes = len(ranking)
    record.count_fitted(truth)
    return record


def record_box(
    plan: EvaluationPlan,
    box: ArrayLike | None,
    gt_label: int,
    gt_boxes: ArrayLike,
    image_size_wh: Sequence[int],
    *,
    ranking: Sequence[int] | None,
    name: str,
) -> ImageRecord:
    """Evaluate a box that does not come from a score map.

    It stands for the maps of all classes, as in PSOL (*Rethinking the Route
    Towards Weakly Supervised Object Localization*, CVPR 2020), and counts as
    a rectangle found in a map does: whole pixels of the frame, its far corner
    at most the last one where the protocol says so.

    Args:
        plan (EvaluationPlan): What to compute, with threshold ``'none'``.
        box (ArrayLike, optional): Half-open ``x0, y0, x1, y1`` in pixels of
            the original image. None where nothing was found: the protocol's
            box of an empty map.
        gt_label (int): See :func:`record_image`.
        gt_boxes (ArrayLike): See :func:`record_image`.
        image_size_wh (Sequence[int]): See :func:`record_image`.
        ranking (Sequence[int], optional): See :func:`record_image`.
        name (str): The image, for messages.

    Returns:
        ImageRecord: The same numbers at every threshold.

    Raises:
        ValueError: If a box is not as described; the message names the
            image.
    """
    plan.check_source(given_boxes=True)
    ranked = _check_ranking(plan, ranking, name)
    record = _start_record(
        plan, gt_label, gt_boxes, image_size_wh, ranked, name
    )
    if box is not None:
        box = np.asarray(box, np.float64)
        if box.shape != (4,) or not np.isfinite(box).all():
            raise ValueError(
                f'{name}: expected a box of four finite numbers, got '
                f'{box.tolist()}'
            )
        (box,) = boxes_to_frame([box], image_size_wh, plan.frame_size_wh)
    found = _GivenBox(plan, box, record.gt_boxes)
    return _fill_record(record, plan, found, ranked)


def _check_ranking(
    plan: EvaluationPlan, ranking: Sequence[int] | None, name: str
) -> list[int] | None:
    needy = [p.name for p in plan.protocols if p.needs_ranking]
    if ranking is None and needy:
        raise ValueError(
            f'{name}: protocols {needy} need a ranking of the classes'
        )
    return None if ranking is None else [int(c) for c in ranking[:5]]


def _start_record(
    plan: EvaluationPlan,
    gt_label: int,
    gt_boxes: ArrayLike,
    image_size_wh: Sequence[int],
    ranked: list[int] | None,
    name: str,
) -> ImageRecord:
    """A record that holds what the annotation and the classifier say."""
    gt_label = int(gt_label)
    rank = None
    if ranked is not None:
        rank = ranked.index(gt_label) if gt_label in ranked else -1
    record = ImageRecord(
        name=name,
        gt_label=gt_label,
        rank=rank,
        gt_boxes=np.empty((0, 4), np.int64),
    )
    if len(gt_boxes):
        boxes, leaves = fit_boxes(gt_boxes, image_size_wh, name=name)
        record.gt_boxes = boxes_to_frame(
            boxes, image_size_wh, plan.frame_size_wh
        )
        record.num_cut_boxes = int(leaves.sum())
    return record


def _fill_record(
    record: ImageRecord,
    plan: EvaluationPlan,
    found: _MapBoxes | _GivenBox,
    ranked: list[int] | None,
) -> ImageRecord:
    """Add what was found."""
    if not len(record.gt_boxes):
        return record
    limits = np.asarray(plan.iou_thresholds)[:, None]
    for index, protocol in enumerate(plan.protocols):
        hits = {}
        for measure in protocol.measures:
            ious = _best_ious(measure, index, found, record.gt_label, ranked)
            hit = ious > limits if measure.strict else ious >= limits
            hits[measure.name] = np.packbits(hit, axis=-1)
        record.hits[protocol.name] = hits
        if any(m.needs_class for m in protocol.measures):
            record.kinds[protocol.name] = _error_kinds(
                index, found, record.gt_label, ranked
            )
    return record


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
    return np.asarray(maps, np.float64)


def _classes(
    measure: Measure, gt_label: int, ranked: list[int] | None
) -> list[int]:
    """The classes whose maps a measure looks at; none: a miss."""
    if measure.maps == 'gt':
        return [gt_label]
    classes = ranked[: 1 if measure.maps == 'top1' else 5]
    if measure.needs_class:
        return [c for c in classes if c == gt_label]
    return classes


def _wanted_looks(
    plan: EvaluationPlan, gt_label: int, ranked: list[int] | None
) -> _Wanted:
    """What is looked at in an image."""
    wanted: dict[tuple[int, str], dict[tuple[int, str], Measure]] = {}
    for index, protocol in enumerate(plan.protocols):
        for measure in protocol.measures:
            for label in _classes(measure, gt_label, ranked):
                looks = wanted.setdefault((label, protocol.interpolation), {})
                looks.setdefault((index, measure.contours), measure)
                if measure.needs_class and ranked[0] == gt_label:
                    looks.setdefault((index, 'largest'), measure)
    return wanted


def _best_ious(
    measure: Measure,
    index: int,
    found: _MapBoxes | _GivenBox,
    gt_label: int,
    ranked: list[int] | None,
) -> np.ndarray:
    """(T + e + 1,) best IoU at each threshold; -1 where the class is wrong."""
    classes = _classes(measure, gt_label, ranked)
    if not classes:
        return np.full(found.plan.num_columns(index), -1.0)
    ious = [found.look(c, index, measure.contours).ious for c in classes]
    return reduce(np.maximum, ious)


def _error_kinds(
    index: int,
    found: _MapBoxes | _GivenBox,
    gt_label: int,
    ranked: list[int],
) -> np.ndarray:
    """(T + e + 1,) uint8, error kinds of the predicted class's box."""
    if ranked[0] != gt_label:
        columns = found.plan.num_columns(index)
        return np.full(columns, ERROR_KINDS.index('cls'), np.uint8)
    return found.look(gt_label, index, 'largest').kinds
