# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Contours of a grey-level map at many cuts: their boxes, in OpenCV's order.

The contours that ``cv2.findContours`` finds (``RETR_TREE``) at a cut are the
outer borders of the 8-connected components of ``levels > cut`` and the
borders of their holes, the 4-connected components of the rest that do not
reach the frame. Outer borders have the box of their component; the border of
a hole runs on the pixels around it, so its box is one pixel larger on every
side. Nothing but boxes and, where needed, the area of an outer border is
computed; contours are never stored.

Maps are padded with one pixel of level 0 on every side. Boxes in this module
are inclusive and in padded coordinates.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from .hill_forest import HillForest, component_of, grow_forest, hill_end

# Columns of the table of components.
X0, Y0, X1, Y1, FIRST_X, ROOT = range(6)
# Steps to the 8 neighbours, clockwise on the screen from the right one.
STEP_X = np.array([1, 1, 0, -1, -1, -1, 0, 1])
STEP_Y = np.array([0, 1, 1, 1, 0, -1, -1, -1])


class SweepState(NamedTuple):
    """What one sweep over falling cuts remembers of its n hills."""

    left: np.ndarray  # (n,) int32, first column above the last cut
    right: np.ndarray  # (n,) int32, last column above the last cut
    root: np.ndarray  # (n,) int32, component at the last cut
    place: np.ndarray  # (n,) int32, row of a root in the table
    turn: np.ndarray  # (n,) int32, when the place was written


@njit(cache=True, nogil=True)
def _start_sweep(forest: HillForest) -> SweepState:
    hills = forest.starts.size
    return SweepState(
        forest.peaks.copy(),
        forest.peaks.copy(),
        np.arange(hills).astype(np.int32),
        np.empty(hills, np.int32),
        np.full(hills, -1, np.int32),
    )


@njit(cache=True, nogil=True)
def _components_at(
    levels: np.ndarray,
    forest: HillForest,
    state: SweepState,
    cut: int,
    turn: int,
    table: np.ndarray,
) -> int:
    """Write the components above a cut to the table, return their number.

    Components come in the raster order of their first pixels. Cuts must fall
    from call to call, ``turn`` must differ.
    """
    height, width = levels.shape
    count = 0
    for y in range(height):
        row = levels[y]
        for hill in range(forest.rows[y], forest.rows[y + 1]):
            if forest.tops[hill] <= cut:
                continue
            start = forest.starts[hill]
            end = hill_end(forest.starts, forest.rows, y, hill, width)
            left = state.left[hill]
            while left > start and row[left - 1] > cut:
                left -= 1
            state.left[hill] = left
            right = state.right[hill]
            while right + 1 < end and row[right + 1] > cut:
                right += 1
            state.right[hill] = right
            root = component_of(forest, state.root[hill], cut)
            state.root[hill] = root
            if state.turn[root] != turn:
                state.turn[root] = turn
                state.place[root] = count
                table[count, X0] = left
                table[count, Y0] = y
                table[count, X1] = right
                table[count, Y1] = y
                table[count, FIRST_X] = left
                table[count, ROOT] = root
                count += 1
            else:
                place = state.place[root]
                table[place, X0] = min(table[place, X0], left)
                table[place, X1] = max(table[place, X1], right)
                table[place, Y1] = y
    return count


@njit(cache=True, nogil=True)
def _doubled_area(levels: np.ndarray, cut: int, x: int, y: int) -> int:
    """Twice the area of the outer border that starts at a top pixel.

    The polygon through pixel centres, as ``cv2.contourArea`` measures it.
    """
    direction = -1
    for turn in range(5, 13):
        step = turn % 8
        if levels[y + STEP_Y[step], x + STEP_X[step]] > cut:
            direction = step
            break
    if direction < 0:
        return 0
    first = direction
    at_x, at_y = x, y
    area = 0
    while True:
        to_x = at_x + STEP_X[direction]
        to_y = at_y + STEP_Y[direction]
        area += at_x * to_y - to_x * at_y
        at_x, at_y = to_x, to_y
        came_from = direction + 4
        for turn in range(came_from + 1, came_from + 9):
            direction = turn % 8
            if (
                levels[at_y + STEP_Y[direction], at_x + STEP_X[direction]]
                > cut
            ):
                break
        if at_x == x and at_y == y and direction == first:
            return abs(area)


@njit(cache=True, nogil=True)
def _bound(table: np.ndarray, i: int) -> int:
    """No outer border in a box has a larger doubled area than this."""
    return 2 * (table[i, X1] - table[i, X0]) * (table[i, Y1] - table[i, Y0])


@njit(cache=True, nogil=True)
def _span(profile: np.ndarray, cut: int) -> tuple[int, int]:
    """First and last index of a profile above a cut."""
    first = 0
    while profile[first] <= cut:
        first += 1
    last = profile.size - 1
    while profile[last] <= cut:
        last -= 1
    return first, last


@njit(cache=True, nogil=True)
def _profiles(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Highest level of every column and of every row."""
    height, width = levels.shape
    columns = np.zeros(width, np.uint8)
    rows = np.zeros(height, np.uint8)
    for y in range(height):
        row = levels[y]
        top = np.uint8(0)
        for x in range(width):
            columns[x] = max(columns[x], row[x])
            top = max(top, row[x])
        rows[y] = top
    return columns, rows


@njit(cache=True, nogil=True)
def largest_contours(
    levels: np.ndarray, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Box of the contour with the largest area at every cut.

    Among contours of equal area the first in OpenCV's order counts. Two such
    contours are outer borders side by side, never one inside the other (the
    outer one would be larger), and of those OpenCV lists first the one whose
    first pixel comes last. The border of a hole can equal the outer border
    around it, but is listed after it.

    The area of a component only grows while cuts fall, so the last known area
    of the winner is a lower bound, and (w - 1)(h - 1) bounds its rivals from
    above: borders are followed only where the bounds do not decide.

    Args:
        levels (np.ndarray): (H, W) uint8, padded with a frame of zeros.
        cuts (np.ndarray): (n,) int64, falling, in [0, 255].

    Returns:
        tuple: (n, 4) int64 inclusive padded boxes, and (n,) bool, whether
        there is any contour.
    """
    forest = grow_forest(levels, True)
    columns, rows = _profiles(levels)
    state = _start_sweep(forest)
    table = np.empty((forest.starts.size, 6), np.int32)
    boxes = np.zeros((cuts.size, 4), np.int64)
    found = np.zeros(cuts.size, np.bool_)
    winner, area = -1, 0
    for i in range(cuts.size):
        cut = cuts[i]
        if forest.counts[cut] == 0:
            continue
        found[i] = True
        if forest.counts[cut] == 1:
            boxes[i, X0], boxes[i, X1] = _span(columns, cut)
            boxes[i, Y0], boxes[i, Y1] = _span(rows, cut)
            continue
        count = _components_at(levels, forest, state, cut, i, table)
        best = 0
        fresh = winner < 0
        if fresh:
            for j in range(1, count):
                if _bound(table, j) >= _bound(table, best):
                    best = j
            area = _doubled_area(
                levels, cut, table[best, FIRST_X], table[best, Y0]
            )
        else:
            best = state.place[component_of(forest, winner, cut)]
        champion = best
        for j in range(count):
            if j == champion or _bound(table, j) < area:
                continue
            if not fresh:
                fresh = True
                area = _doubled_area(
                    levels, cut, table[best, FIRST_X], table[best, Y0]
                )
            if _bound(table, j) < area:
                continue
            rival = _doubled_area(levels, cut, table[j, FIRST_X], table[j, Y0])
            if rival > area or (rival == area and j > best):
                area, best = rival, j
        winner = table[best, ROOT]
        boxes[i] = table[best, :4]
    return boxes, found


@njit(cache=True, nogil=True)
def _sweep(
    levels: np.ndarray, forest: HillForest, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All components at falling cuts: a table, and where each cut starts."""
    offsets = np.zeros(cuts.size + 1, np.int64)
    for i in range(cuts.size):
        offsets[i + 1] = offsets[i] + forest.counts[cuts[i]]
    table = np.empty((offsets[-1], 6), np.int32)
    state = _start_sweep(forest)
    for i in range(cuts.size):
        if forest.counts[cuts[i]]:
            _components_at(
                levels,
                forest,
                state,
                cuts[i],
                i,
                table[offsets[i] : offsets[i + 1]],
            )
    return table, offsets


@njit(cache=True, nogil=True)
def _component_at_pixel(forest: HillForest, y: int, x: int, cut: int) -> int:
    """Root of the component above a cut that holds a pixel."""
    low, high = forest.rows[y], forest.rows[y + 1]
    while high - low > 1:
        middle = (low + high) // 2
        if forest.starts[middle] <= x:
            low = middle
        else:
            high = middle
    return component_of(forest, low, cut)


@njit(cache=True, nogil=True)
def _nested_order(
    blobs: np.ndarray,
    holes: np.ndarray,
    blob_parents: np.ndarray,
    hole_parents: np.ndarray,
) -> np.ndarray:
    """Order blobs (0 …) and holes (len(blobs) …) as OpenCV lists contours.

    Every contour comes before what it encloses; of neighbours the one whose
    first pixel comes last is listed first. Inserting the nodes in raster
    order, each right behind its parent, does just that. ``-1`` stands for
    the frame, the parent of outermost blobs.
    """
    total = len(blobs) + len(holes)
    behind = np.full(total + 1, -1, np.int64)  # the last one is the frame's
    i = j = 0
    while i < len(blobs) or j < len(holes):
        blob_next = j == len(holes) or (
            i < len(blobs)
            and (
                blobs[i, Y0] < holes[j, Y0]
                or (
                    blobs[i, Y0] == holes[j, Y0]
                    and blobs[i, FIRST_X] < holes[j, FIRST_X]
                )
            )
        )
        if blob_next:
            node, parent = i, blob_parents[i]
            i += 1
        else:
            node, parent = len(blobs) + j, hole_parents[j]
            j += 1
        behind[node] = behind[parent]
        behind[parent] = node
    order = np.empty(total, np.int64)
    node = behind[-1]
    for k in range(total):
        order[k] = node
        node = behind[node]
    return order


@njit(cache=True, nogil=True)
def all_contours(
    levels: np.ndarray, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of all contours at every cut, in OpenCV's order.

    Args:
        levels (np.ndarray): (H, W) uint8, padded with a frame of zeros.
        cuts (np.ndarray): (n,) int64, falling, in [0, 255].

    Returns:
        tuple: (m, 4) int64 inclusive padded boxes, and (n + 1,) int64, where
        the boxes of each cut start.
    """
    hollow = 255 - levels
    blob_forest = grow_forest(levels, True)
    hole_forest = grow_forest(hollow, False)
    blob_table, blob_offsets = _sweep(levels, blob_forest, cuts)
    # levels <= cut is the same as hollow > 254 - cut.
    hole_cuts = 254 - cuts[::-1]
    hole_cuts = np.maximum(hole_cuts, 0)
    hole_table, hole_offsets = _sweep(hollow, hole_forest, hole_cuts)

    offsets = np.zeros(cuts.size + 1, np.int64)
    boxes = np.empty((len(blob_table) + len(hole_table), 4), np.int64)
    blob_place = np.full(blob_forest.starts.size, -1, np.int64)
    hole_place = np.full(hole_forest.starts.size, -1, np.int64)
    for i in range(cuts.size):
        offsets[i + 1] = offsets[i]
        cut = cuts[i]
        blobs = blob_table[blob_offsets[i] : blob_offsets[i + 1]]
        if len(blobs) == 0:
            continue
        k = cuts.size - 1 - i
        # The first one holds the corner of the frame: it is no hole.
        holes = hole_table[hole_offsets[k] + 1 : hole_offsets[k + 1]]
        frame = hole_table[hole_offsets[k], ROOT]
        hole_place[frame] = -1
        for j in range(len(holes)):
            hole_place[holes[j, ROOT]] = j
        for j in range(len(blobs)):
            blob_place[blobs[j, ROOT]] = j
        # Left of a first pixel lies what encloses the component.
        blob_parents = np.empty(len(blobs), np.int64)
        for j in range(len(blobs)):
            root = _component_at_pixel(
                hole_forest, blobs[j, Y0], blobs[j, FIRST_X] - 1, 254 - cut
            )
            place = hole_place[root]
            blob_parents[j] = -1 if place < 0 else len(blobs) + place
        hole_parents = np.empty(len(holes), np.int64)
        for j in range(len(holes)):
            root = _component_at_pixel(
                blob_forest, holes[j, Y0], holes[j, FIRST_X] - 1, cut
            )
            hole_parents[j] = blob_place[root]
        at = offsets[i]
        for node in _nested_order(blobs, holes, blob_parents, hole_parents):
            if node < len(blobs):
                boxes[at] = blobs[node, :4]
            else:
                hole = holes[node - len(blobs)]
                boxes[at, X0] = hole[X0] - 1
                boxes[at, Y0] = hole[Y0] - 1
                boxes[at, X1] = hole[X1] + 1
                boxes[at, Y1] = hole[Y1] + 1
            at += 1
        offsets[i + 1] = at
    return boxes[: offsets[-1]], offsets
