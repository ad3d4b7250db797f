# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The loops of :mod:`.image_record`, compiled."""

import numpy as np

from projects.scm.utils.compiling import njit

from .contours.searching import cuts_at, search_framed
from .error_breakdown_loops import kinds_of
from .threshold_box_loops import best_ious, finished

#: Nine fields of a look: the contours (0: the largest, 1: all), which of the
#: thresholds, the last column and row of a corner, the box of an empty map.
CONTOURS, BEGIN, END, LAST_X, LAST_Y, EMPTY_BOX = range(6)


@njit(cache=True, nogil=True)
def look_at_boxes(
    found: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    looks: np.ndarray,
    gt_boxes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Compare the boxes of a map with true boxes, in several ways at once.

    Args:
        found (tuple): Of :func:`~.contours.searching.search_framed`, at n
            thresholds and then at Otsu's.
        looks (np.ndarray): (l, 9) int64, see ``EvaluationPlan.looks``.
        gt_boxes (np.ndarray): (g, 4) float64, inclusive.

    Returns:
        tuple: One behind the other, for each look the float64 best IoU at
        each of its thresholds and at Otsu's; and uint8 error kinds there,
        which mean nothing where all contours are looked at.
    """
    place, boxes, offsets, all_boxes, all_offsets = found
    total = (looks[:, END] - looks[:, BEGIN] + 1).sum()
    ious = np.empty(total, np.float64)
    kinds = np.empty(total, np.uint8)
    at = 0
    for look in looks:
        own, starts = boxes, offsets
        if look[CONTOURS] == 1:
            own, starts = all_boxes, all_offsets
        own, starts = finished(
            own,
            starts,
            (look[LAST_X], look[LAST_Y]),
            (
                look[EMPTY_BOX],
                look[EMPTY_BOX + 1],
                look[EMPTY_BOX + 2],
                look[EMPTY_BOX + 3],
            ),
        )
        best = best_ious(own, starts, gt_boxes)
        kind = kinds_of(own[starts[:-1]], gt_boxes)
        for i in range(look[BEGIN], look[END]):
            ious[at], kinds[at] = best[place[i]], kind[place[i]]
            at += 1
        ious[at], kinds[at] = best[place[-1]], kind[place[-1]]
        at += 1
    return ious, kinds


@njit(cache=True, nogil=True)
def look_at_map(
    framed: np.ndarray,
    turned: np.ndarray,
    thresholds: np.ndarray,
    otsu_cut: int,
    largest: bool | None,
    every: bool | None,
    looks: np.ndarray,
    gt_boxes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Search a map and compare its boxes, in one call.

    Each call takes Python's lock again when it ends, for which threads that
    evaluate wait for each other.

    Args:
        framed (np.ndarray): See :func:`~.contours.searching.search_framed`.
        turned (np.ndarray): The same.
        thresholds (np.ndarray): (n,) float64 in [0, 1].
        otsu_cut (int): Otsu's grey level.
        largest (bool | None): See ``search_framed``.
        every (bool | None): The same.
        looks (np.ndarray): See :func:`look_at_boxes`.
        gt_boxes (np.ndarray): The same.

    Returns:
        tuple: See :func:`look_at_boxes`.
    """
    cuts = cuts_at(framed, thresholds, otsu_cut)
    found = search_framed(framed, turned, cuts, largest, every)
    return look_at_boxes(found, looks, gt_boxes)
