# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes of a score map at many thresholds."""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import CONTOURS

from .grey_levels import frame_levels, unit_levels

NO_LIMIT = 1 << 40


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
            clamp (bool): See :func:`boxes_at_thresholds`, as the next.
            empty_box (Sequence[int]): Defaults to (0, 0, 0, 0).

        Returns:
            CutBoxes: With at least one box at every cut.
        """
        from .threshold_box_loops import finished

        width, height = size_wh if clamp else (NO_LIMIT, NO_LIMIT)
        boxes, offsets = finished(
            self.boxes,
            self.offsets,
            (int(width) - 1, int(height) - 1),
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
        from .threshold_box_loops import best_ious

        gt_boxes = np.asarray(gt_boxes, np.float64).reshape(-1, 4)
        return best_ious(self.boxes, self.offsets, gt_boxes)[self.place]


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
    from .contours.searching import cuts_at

    thresholds = np.asarray(thresholds, dtype=np.float64, order='C')
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
    return cuts_at(np.ascontiguousarray(levels), thresholds, -1)


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
    if levels.ndim != 2 or levels.dtype != np.uint8:
        raise ValueError(
            'levels: expected uint8 of shape (h, w), got '
            f'{levels.dtype} of shape {levels.shape}'
        )
    return _search(frame_levels(levels), cuts, contours)


def _search(framed: np.ndarray, cuts: np.ndarray, contours: str) -> CutBoxes:
    """Search framed levels for one kind of contours."""
    if contours not in CONTOURS:
        raise ValueError(
            f'contours: expected one of {CONTOURS}, got {contours!r}'
        )
    from .contours.searching import search_framed

    place, boxes, offsets, all_boxes, all_offsets = search_framed(
        framed,
        cv2.transpose(framed),
        cuts,
        *search_flags((contours,), (contours,)),
    )
    if contours == 'largest':
        return CutBoxes(boxes, offsets, place)
    return CutBoxes(all_boxes, all_offsets, place)


def search_flags(
    wanted: Collection[str], possible: Collection[str]
) -> tuple[bool | None, ...]:
    """What a compiled search shall look for.

    Args:
        wanted (Collection[str]): Contours wanted of a map.
        possible (Collection[str]): Those that other maps want, too. None of
            the others is compiled.

    Returns:
        tuple: For :func:`~.contours.searching.search_framed`.
    """
    return tuple(
        kind in wanted if kind in possible else None for kind in CONTOURS
    )


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
    framed = unit_levels(score_map)
    height, width = framed.shape
    found = _search(framed, threshold_cuts(framed, thresholds), contours)
    boxes, offsets, place = found.finish(
        (width - 2, height - 2), clamp=clamp, empty_box=empty_box
    )
    if contours == 'largest':
        return boxes[place]
    pieces = [boxes[begin:end] for begin, end in pairwise(offsets.tolist())]
    return [pieces[i] for i in place.tolist()]
