# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The contour with the largest area at every cut."""

import numpy as np

from projects.scm.utils.compiling import njit

from .component_sweep import (
    FIRST,
    X0,
    X1,
    Y0,
    Y1,
    Sweep,
    start_sweep,
    sweep_to,
)
from .hill_forest import component_of, grow_forest
from .hills import Hills, find_hills, find_turns, first_pixel

# Steps to the 8 neighbours, clockwise on the screen from the right one.
STEP_X = np.array([1, 1, 0, -1, -1, -1, 0, 1])
STEP_Y = np.array([0, 1, 1, 1, 0, -1, -1, -1])


@njit(cache=True, nogil=True)
def _doubled_area(
    levels: np.ndarray, hills: Hills, first_hill: int, cut: int
) -> int:
    """Twice the area of the outer border of a component.

    The polygon through pixel centres, as ``cv2.contourArea`` measures it,
    followed from the first pixel in raster order.
    """
    y, x = first_pixel(levels, hills, first_hill, cut)
    direction = -1
    for turn in range(8):
        if levels[y + STEP_Y[turn], x + STEP_X[turn]] > cut:
            direction = turn
            break
    if direction < 0:
        return 0
    begin = direction
    at_x, at_y = x, y
    area = 0
    while True:
        to_x = at_x + STEP_X[direction]
        to_y = at_y + STEP_Y[direction]
        area += at_x * to_y - to_x * at_y
        at_x, at_y = to_x, to_y
        back = direction + 4
        for turn in range(back + 1, back + 9):
            direction = turn % 8
            if (
                levels[at_y + STEP_Y[direction], at_x + STEP_X[direction]]
                > cut
            ):
                break
        if at_x == x and at_y == y and direction == begin:
            return abs(area)


@njit(cache=True, nogil=True)
def _largest_root(
    levels: np.ndarray,
    hills: Hills,
    sweep: Sweep,
    live: int,
    cut: int,
    leader: int,
    area: int,
) -> tuple[int, int]:
    """The component with the largest outer border, of several.

    The area of a component only grows while cuts fall, so the area that the
    last leader had is a lower bound, and twice (w - 1)(h - 1) bounds its
    rivals from above: borders are followed only where this does not decide.

    Returns:
        tuple: The root, and a lower bound of twice its area.
    """
    extents = sweep.extents
    known = False
    if leader < 0:
        largest = -1
        for i in range(live):
            root = sweep.roots[i]
            bound = (extents[root, X1] - extents[root, X0]) * (
                extents[root, Y1] - extents[root, Y0]
            )
            if bound > largest:
                largest, leader = bound, root
        area = 0
    best = leader
    for i in range(live):
        root = sweep.roots[i]
        bound = (
            2
            * (extents[root, X1] - extents[root, X0])
            * (extents[root, Y1] - extents[root, Y0])
        )
        if root == leader or bound < area:
            continue
        if not known:
            known = True
            area = _doubled_area(levels, hills, extents[best, FIRST], cut)
            if bound < area:
                continue
        rival = _doubled_area(levels, hills, extents[root, FIRST], cut)
        if rival > area or (
            rival == area and extents[root, FIRST] > extents[best, FIRST]
        ):
            area, best = rival, root
    return best, area


@njit(cache=True, nogil=True)
def column_tops(levels: np.ndarray) -> np.ndarray:
    """(W,) uint8, highest level of every column."""
    tops = np.zeros(levels.shape[1], np.uint8)
    for y in range(levels.shape[0]):
        row = levels[y]
        for x in range(row.size):
            tops[x] = max(tops[x], row[x])
    return tops


@njit(cache=True, nogil=True)
def row_tops(hills: Hills) -> np.ndarray:
    """(H,) uint8, highest level of every row."""
    tops = np.zeros(hills.first.size - 1, np.uint8)
    for i in range(hills.tops.size):
        y = hills.rows[i]
        tops[y] = max(tops[y], hills.tops[i])
    return tops


@njit(cache=True, nogil=True)
def spans(tops: np.ndarray) -> np.ndarray:
    """First and last index of a profile above each cut, (256, 2) int64.

    Rows of cuts at which there is none are undefined.
    """
    reach = np.zeros((256, 2), np.int64)
    for side in range(2):
        level = 0
        for i in range(tops.size):
            place = tops.size - 1 - i if side else i
            while level < tops[place]:
                reach[level, side] = place
                level += 1
    return reach


@njit(cache=True, nogil=True)
def largest_contours(
    levels: np.ndarray, turned: np.ndarray, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Box of the contour with the largest area at every cut.

    Among contours of equal area the first in OpenCV's order counts. Two such
    contours are outer borders side by side, never one inside the other (the
    outer one would be larger), and of those OpenCV lists first the one whose
    first pixel comes last. The border of a hole can equal the outer border
    around it, but is listed after it.

    Args:
        levels (np.ndarray): (H, W) uint8, padded with a frame of zeros.
        turned (np.ndarray): (W, H) uint8, its transpose, contiguous.
        cuts (np.ndarray): (n,) int64, falling, in [0, 255].

    Returns:
        tuple: (m, 4) int64 half-open boxes ``x0, y0, x1, y1`` in the frame
        of the map without its padding, and (n + 1,) int64, where those of
        each cut start: one, or none where there is no contour.
    """
    hills = find_hills(levels, find_turns(turned), False)
    forest = grow_forest(levels, hills, True)
    offsets = np.zeros(cuts.size + 1, np.int64)
    several = False
    for i in range(cuts.size):
        offsets[i + 1] = offsets[i] + (forest.counts[cuts[i]] > 0)
        several |= forest.counts[cuts[i]] > 1
    boxes = np.empty((offsets[cuts.size], 4), np.int64)
    columns_at, rows_at = spans(column_tops(levels)), spans(row_tops(hills))
    for i in range(cuts.size):
        cut = cuts[i]
        if forest.counts[cut] == 1:
            box = boxes[offsets[i]]
            box[X0], box[X1] = columns_at[cut, 0] - 1, columns_at[cut, 1]
            box[Y0], box[Y1] = rows_at[cut, 0] - 1, rows_at[cut, 1]
    if not several:
        return boxes, offsets
    columns = find_hills(turned, find_turns(levels), False)
    sweep = start_sweep(forest, hills, columns)
    leader, area = -1, 0
    for i in range(cuts.size):
        cut = cuts[i]
        if forest.counts[cut] > 1:
            live = sweep_to(forest, hills, columns, sweep, cut)
            if leader >= 0:
                leader = component_of(forest, leader, cut)
            leader, area = _largest_root(
                levels, hills, sweep, live, cut, leader, area
            )
            box, found = boxes[offsets[i]], sweep.extents[leader]
            box[X0], box[Y0] = found[X0] - 1, found[Y0] - 1
            box[X1], box[Y1] = found[X1], found[Y1]
    return boxes, offsets
