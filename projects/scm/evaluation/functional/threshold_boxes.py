# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes of a score map at many thresholds."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import CONTOURS
from projects.scm.utils.compiling import njit

from .contours import boxes_at_falling_cuts
from .grey_levels import unit_levels

NO_LIMIT = 1 << 40


@njit(cache=True, nogil=True)
def _distinct_cuts(cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cuts that differ, falling, and the place of each cut among them."""
    places = np.zeros(256, np.int64)
    for cut in cuts:
        places[cut] = 1
    count = 0
    falling = np.empty(256, np.int64)
    for cut in range(255, -1, -1):
        if places[cut]:
            falling[count], places[cut] = cut, count
            count += 1
    place = np.empty(cuts.size, np.int64)
    for i in range(cuts.size):
        place[i] = places[cuts[i]]
    return falling[:count].copy(), place


@njit(cache=True, nogil=True)
def _finished(
    boxes: np.ndarray,
    offsets: np.ndarray,
    last_x: int,
    last_y: int,
    empty_box: tuple[int, int, int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes with limited far corners, and a box where there is none."""
    cuts = offsets.size - 1
    places = np.zeros(cuts + 1, np.int64)
    for i in range(cuts):
        places[i + 1] = places[i] + max(offsets[i + 1] - offsets[i], 1)
    result = np.empty((places[cuts], 4), np.int64)
    for i in range(cuts):
        begin, end = offsets[i], offsets[i + 1]
        if begin == end:
            for k in range(4):
                result[places[i], k] = empty_box[k]
        for j in range(begin, end):
            box, source = result[places[i] + j - begin], boxes[j]
            box[0], box[1] = source[0], source[1]
            box[2], box[3] = min(source[2], last_x), min(source[3], last_y)
    return result, places


@njit(cache=True, nogil=True)
def _best_ious(
    boxes: np.ndarray, offsets: np.ndarray, gt_boxes: np.ndarray
) -> np.ndarray:
    """Best of ``iou_inclusive(boxes, gt_boxes)`` at every cut."""
    best = np.zeros(offsets.size - 1, np.float64)
    for i in range(offsets.size - 1):
        for j in range(offsets[i], offsets[i + 1]):
            x0, y0 = float(boxes[j, 0]), float(boxes[j, 1])
            x1, y1 = float(boxes[j, 2]), float(boxes[j, 3])
            area = max(x1 - x0 + 1, 0.0) * max(y1 - y0 + 1, 0.0)
            for k in range(gt_boxes.shape[0]):
                a, b, c, d = gt_boxes[k]
                shared = max(min(x1, c) - max(x0, a) + 1, 0.0) * max(
                    min(y1, d) - max(y0, b) + 1, 0.0
                )
                of_gt = max(c - a + 1, 0.0) * max(d - b + 1, 0.0)
                union = area + of_gt - shared
                if union > 0:
                    best[i] = max(best[i], shared / union)
    return best


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
        width, height = size_wh if clamp else (NO_LIMIT, NO_LIMIT)
        boxes, offsets = _finished(
            self.boxes,
            self.offsets,
            int(width) - 1,
            int(height) - 1,
            tuple(int(corner) for corner in empty_box),
        )
        return CutBoxes(boxes, offsets, self.place)

    def best_iou(self, gt_boxes: ArrayLike) -> np.ndarray:
        """Best IoU of any box with any ground truth box, at every cut.

        Args:
            gt_boxes (ArrayLike): (g, 4) inclusive boxes in the map's frame.

        Returns:
            np.ndarray: (n,) float64, inclusive pixels.
        """
        best = _best_ious(
            self.boxes,
            self.offsets,
            np.asarray(gt_boxes, np.float64).reshape(-1, 4),
        )
        return best[self.place]


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
    falling, place = _distinct_cuts(cuts)
    boxes, offsets = boxes_at_falling_cuts(levels, falling, contours)
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
