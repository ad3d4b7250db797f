# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes of a score map at many thresholds."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import CONTOURS, iou_inclusive

from .contour_sweep import all_contours, largest_contours
from .grey_levels import unit_levels


class CutBoxes(NamedTuple):
    """Boxes at n cuts of a map, k of which differ.

    The boxes of cut i are ``boxes[offsets[j]:offsets[j + 1]]``, with
    ``j = place[i]``.
    """

    boxes: np.ndarray  # (m, 4) int64, x0, y0, x1, y1
    offsets: np.ndarray  # (k + 1,) int64, rising
    place: np.ndarray  # (n,) int64 in [0, k)

    def finish(
        self,
        size_wh: Sequence[int],
        *,
        clamp: bool = True,
        empty_box: Sequence[int] = (0, 0, 0, 0),
    ) -> 'CutBoxes':
        """Apply what protocols do to bounding rectangles.

        Args:
            size_wh (Sequence[int]): Width and height of the map.
            clamp (bool): Whether ``x1, y1`` are limited to the last pixel of
                the map, as wsolevaluation does. Defaults to True.
            empty_box (Sequence[int]): The box of a cut that leaves no
                contour. Defaults to (0, 0, 0, 0).

        Returns:
            CutBoxes: With at least one box at every cut.
        """
        boxes, offsets = self.boxes, self.offsets
        if clamp:
            last = np.asarray(size_wh, np.int64) - 1
            boxes = boxes.copy()
            np.minimum(boxes[:, 2:], last, out=boxes[:, 2:])
        counts = np.diff(offsets)
        empty = np.flatnonzero(counts == 0)
        if len(empty):
            boxes = np.insert(boxes, offsets[empty], empty_box, axis=0)
            counts[empty] = 1
            offsets = np.concatenate([[0], np.cumsum(counts)])
        return CutBoxes(boxes, offsets, self.place)

    def best_iou(self, gt_boxes: ArrayLike) -> np.ndarray:
        """Best IoU of any box with any ground truth box, at every cut.

        Args:
            gt_boxes (ArrayLike): (g, 4) inclusive boxes in the map's frame.

        Returns:
            np.ndarray: (n,) float64, inclusive pixels.
        """
        ious = iou_inclusive(self.boxes, gt_boxes).max(axis=1)
        return np.maximum.reduceat(ious, self.offsets[:-1])[self.place]


def threshold_cuts(levels: np.ndarray, thresholds: ArrayLike) -> np.ndarray:
    """Grey level that pixels must exceed at each threshold.

    Args:
        levels (np.ndarray): (h, w) uint8.
        thresholds (ArrayLike): (n,) shares of the largest level, in [0, 1];
            at least one.

    Returns:
        np.ndarray: (n,) int64, ``int(threshold * levels.max())``.

    Raises:
        ValueError: If a threshold lies outside [0, 1].
    """
    thresholds = np.asarray(thresholds, dtype=np.float64)
    if thresholds.ndim != 1 or thresholds.size == 0:
        raise ValueError(
            'thresholds: expected shape (n,), n at least 1, got '
            f'{thresholds.shape}'
        )
    if not ((thresholds >= 0) & (thresholds <= 1)).all():
        raise ValueError(
            'thresholds: expected numbers from 0 to 1, got '
            f'{thresholds.min()} to {thresholds.max()}'
        )
    return (thresholds * int(levels.max())).astype(np.int64)


def boxes_at_cuts(
    levels: np.ndarray, cuts: np.ndarray, contours: str = 'largest'
) -> CutBoxes:
    """Bounding rectangles of the contours of ``levels > cut``.

    Args:
        levels (np.ndarray): (h, w) uint8.
        cuts (np.ndarray): (n,) int64 in [0, 255], in any order.
        contours (str): ``'largest'``: one box a cut, of the contour with the
            largest area; ``'all'``: the boxes of all contours, holes
            included, in OpenCV's order. Defaults to ``'largest'``.

    Returns:
        CutBoxes: Half-open boxes ``x, y, x + w, y + h``, none where there is
        no contour.

    Raises:
        ValueError: If ``levels`` or ``contours`` is not as described.
    """
    if contours not in CONTOURS:
        raise ValueError(
            f'contours: expected one of {CONTOURS}, got {contours!r}'
        )
    if levels.ndim != 2 or levels.dtype != np.uint8:
        raise ValueError(
            'levels: expected uint8 of shape (h, w), got '
            f'{levels.dtype} of shape {levels.shape}'
        )
    rising, place = np.unique(cuts, return_inverse=True)
    place = len(rising) - 1 - place
    if rising[0] >= levels.max():
        nothing = np.zeros(len(rising) + 1, np.int64)
        return CutBoxes(np.empty((0, 4), np.int64), nothing, place)
    padded = cv2.copyMakeBorder(levels, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    turned = cv2.transpose(padded)
    falling = np.ascontiguousarray(rising[::-1])
    if contours == 'largest':
        boxes, found = largest_contours(padded, turned, falling)
        boxes = boxes[found]
        offsets = np.concatenate([[0], np.cumsum(found)])
    else:
        boxes, offsets = all_contours(padded, turned, falling)
    # Inclusive and padded: only the near corner moves to become half-open.
    boxes[:, :2] -= 1
    return CutBoxes(boxes, offsets, place)


def boxes_at_thresholds(
    score_map: ArrayLike,
    thresholds: ArrayLike,
    contours: str = 'largest',
    *,
    clamp: bool = True,
    empty_box: Sequence[int] = (0, 0, 0, 0),
) -> np.ndarray | list[np.ndarray]:
    """Boxes of a score map at many thresholds.

    Gives exactly the boxes of wsolevaluation's loop over ``cv2.threshold``
    and ``cv2.findContours``, in a fraction of the time: the map is cut into
    256 grey levels, and all of them are searched at once.

    Args:
        score_map (ArrayLike): (h, w) numbers in [0, 1], resized and
            normalised already.
        thresholds (ArrayLike): (n,) shares of the largest grey level, in
            [0, 1]; a pixel belongs to the foreground where
            ``uint8(255 * score) > int(threshold * max)``.
        contours (str): ``'largest'`` or ``'all'``. Defaults to
            ``'largest'``.
        clamp (bool): Whether ``x1`` and ``y1`` are limited to the last pixel
            of the map, as wsolevaluation does. Defaults to True.
        empty_box (Sequence[int]): The box where there is no contour. Defaults
            to (0, 0, 0, 0).

    Returns:
        np.ndarray | list[np.ndarray]: For ``'largest'`` (n, 4) int64
        ``x0, y0, x1, y1``; for ``'all'`` a list of n arrays (m_i, 4), m_i at
        least 1, in the order in which OpenCV lists the contours.

    Raises:
        ValueError: If the map is not 2-d, holds NaN or leaves [0, 1], or a
            threshold leaves [0, 1].
    """
    levels = unit_levels(score_map)
    found = boxes_at_cuts(
        levels, threshold_cuts(levels, thresholds), contours
    ).finish(levels.shape[::-1], clamp=clamp, empty_box=empty_box)
    if contours == 'largest':
        return found.boxes[found.place]
    offsets = found.offsets.tolist()
    return [
        found.boxes[offsets[i] : offsets[i + 1]] for i in found.place.tolist()
    ]
