# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A whole search of a framed map, in one compiled call."""

import numpy as np

from projects.scm.utils.compiling import njit

from .largest import largest_contours
from .nesting import all_contours
from .terrain import survey


@njit(cache=True, nogil=True)
def distinct_cuts(cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
def cuts_at(
    levels: np.ndarray, thresholds: np.ndarray, last_cut: int
) -> np.ndarray:
    """``int(threshold * highest level)`` of float64 thresholds, (n,) int64.

    Behind these comes ``last_cut``, unless it is negative.
    """
    top = np.uint8(0)
    for y in range(levels.shape[0]):
        row = levels[y]
        for x in range(row.size):
            top = max(top, row[x])
    cuts = np.empty(thresholds.size + (last_cut >= 0), np.int64)
    for i in range(thresholds.size):
        cuts[i] = np.int64(thresholds[i] * np.float64(top))
    if last_cut >= 0:
        cuts[thresholds.size] = last_cut
    return cuts


@njit(cache=True, nogil=True)
def search_framed(
    framed: np.ndarray,
    turned: np.ndarray,
    cuts: np.ndarray,
    largest: bool | None,
    every: bool | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Bounding rectangles of the contours of ``levels > cut``.

    What is None is not even compiled, which takes half a minute.

    Args:
        framed (np.ndarray): (h + 2, w + 2) uint8, levels with a frame of 0.
        turned (np.ndarray): (w + 2, h + 2) uint8, its transpose, contiguous:
            OpenCV's takes a quarter of the time of a compiled loop.
        cuts (np.ndarray): (n,) int64 in [0, 255], in any order.
        largest (bool | None): Whether to find the contour with the largest
            area, the first of several in OpenCV's order.
        every (bool | None): Whether to find all contours, holes included, in
            OpenCV's order.

    Returns:
        tuple: (n,) int64, which of k distinct cuts each one is; of the
        largest contours (m, 4) int64 half-open ``x0, y0, x1, y1`` and
        (k + 1,) int64 rising, where those of each distinct cut start; the
        same of all contours. What is not wanted has no box.
    """
    falling, place = distinct_cuts(cuts)
    terrain = survey(framed, turned)
    boxes = every_box = np.empty((0, 4), np.int64)
    offsets = every_offset = np.zeros(falling.size + 1, np.int64)
    # By the None, which the compiler knows, it leaves out a whole search.
    if largest is not None and largest:
        boxes, offsets = largest_contours(terrain, falling)
    if every is not None and every:
        every_box, every_offset = all_contours(terrain, falling)
    return place, boxes, offsets, every_box, every_offset
