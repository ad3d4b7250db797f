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

import numpy as np
from numba import njit

from .component_sweep import (
    FIRST,
    X0,
    X1,
    Y0,
    Y1,
    Sweep,
    first_pixel,
    start_sweep,
    sweep_to,
)
from .hill_forest import (
    HillForest,
    Turns,
    component_of,
    find_turns,
    grow_forest,
    hill_at,
)

# Steps to the 8 neighbours, clockwise on the screen from the right one.
STEP_X = np.array([1, 1, 0, -1, -1, -1, 0, 1])
STEP_Y = np.array([0, 1, 1, 1, 0, -1, -1, -1])


@njit(cache=True, nogil=True)
def _doubled_area(
    levels: np.ndarray, forest: HillForest, first_hill: int, cut: int
) -> int:
    """Twice the area of the outer border of a component.

    The polygon through pixel centres, as ``cv2.contourArea`` measures it,
    followed from the first pixel in raster order.
    """
    y, x = first_pixel(levels, forest, first_hill, cut)
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
    forest: HillForest,
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
            area = _doubled_area(levels, forest, extents[best, FIRST], cut)
            if bound < area:
                continue
        rival = _doubled_area(levels, forest, extents[root, FIRST], cut)
        if rival > area or (
            rival == area and extents[root, FIRST] > extents[best, FIRST]
        ):
            area, best = rival, root
    return best, area


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
def _span(profile: np.ndarray, cut: int) -> tuple[int, int]:
    """First and last index of a profile above a cut."""
    low = 0
    while profile[low] <= cut:
        low += 1
    high = profile.size - 1
    while profile[high] <= cut:
        high -= 1
    return low, high


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
        tuple: (n, 4) int64 inclusive padded boxes, and (n,) bool, whether
        there is any contour.
    """
    forest = grow_forest(levels, find_turns(turned), False)
    columns, rows = _profiles(levels)
    boxes = np.zeros((cuts.size, 4), np.int64)
    found = np.zeros(cuts.size, np.bool_)
    several = False
    for i in range(cuts.size):
        cut = cuts[i]
        found[i] = forest.counts[cut] > 0
        several |= forest.counts[cut] > 1
        if forest.counts[cut] == 1:
            boxes[i, X0], boxes[i, X1] = _span(columns, cut)
            boxes[i, Y0], boxes[i, Y1] = _span(rows, cut)
    if not several:
        return boxes, found
    sweep = start_sweep(forest, turned, find_turns(levels), False)
    leader, area = -1, 0
    for i in range(cuts.size):
        cut = cuts[i]
        if forest.counts[cut] > 1:
            live = sweep_to(forest, sweep, cut)
            if leader >= 0:
                leader = component_of(forest, leader, cut)
            leader, area = _largest_root(
                levels, forest, sweep, live, cut, leader, area
            )
            boxes[i] = sweep.extents[leader, :4]
    return boxes, found


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
    order of their first pixels, each right behind its parent, does just that.

    Args:
        blobs (np.ndarray): (b,) raster position of first pixels, rising.
        holes (np.ndarray): (h,) the same of holes.
        blob_parents (np.ndarray): (b,) node around each blob, -1: the frame.
        hole_parents (np.ndarray): (h,) node around each hole.

    Returns:
        np.ndarray: (b + h,) nodes.
    """
    total = blobs.size + holes.size
    behind = np.full(total + 1, -1, np.int64)  # the last one is the frame's
    i = j = 0
    while i < blobs.size or j < holes.size:
        if j == holes.size or (i < blobs.size and blobs[i] < holes[j]):
            node, parent = i, blob_parents[i]
            i += 1
        else:
            node, parent = blobs.size + j, hole_parents[j]
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
def _components_at(
    levels: np.ndarray, forest: HillForest, sweep: Sweep, cut: int
) -> tuple[np.ndarray, np.ndarray]:
    """Roots in raster order of first pixels, and those pixels' positions.

    The roots are a view that the next call overwrites.
    """
    live = sweep_to(forest, sweep, cut)
    roots = sweep.roots[:live]
    if live > 64:
        roots[:] = roots[np.argsort(sweep.extents[roots, FIRST])]
    else:  # few, and in order but for the new ones
        for i in range(1, live):
            root = roots[i]
            first = sweep.extents[root, FIRST]
            j = i
            while j > 0 and sweep.extents[roots[j - 1], FIRST] > first:
                roots[j] = roots[j - 1]
                j -= 1
            roots[j] = root
    places = np.empty(live, np.int64)
    for i in range(live):
        y, x = first_pixel(levels, forest, sweep.extents[roots[i], FIRST], cut)
        places[i] = y * levels.shape[1] + x
    return roots, places


@njit(cache=True, nogil=True)
def _enclosing(
    forest: HillForest, places: np.ndarray, width: int, cut: int
) -> np.ndarray:
    """Roots of what lies left of first pixels, which encloses them."""
    roots = np.empty(places.size, np.int32)
    for i in range(places.size):
        y, x = divmod(places[i], width)
        roots[i] = component_of(forest, hill_at(forest, y, x - 1), cut)
    return roots


@njit(cache=True, nogil=True)
def _find_holes(
    levels: np.ndarray,
    turned: np.ndarray,
    turns: Turns,
    forest: HillForest,
    cuts: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Holes at falling cuts, in the order of the cuts and raster order.

    Args:
        levels (np.ndarray): (H, W) uint8, the hollow of the map.
        turned (np.ndarray): (W, H) uint8, its transpose.
        turns (Turns): Of the columns of the map itself.
        forest (HillForest): The components of the hollow.
        cuts (np.ndarray): (n,) int64, those of the map.

    Returns:
        tuple: Roots, first pixels, extents (m, 4), and (n + 1,) where the
        holes of each cut start.
    """
    offsets = np.zeros(cuts.size + 1, np.int64)
    for i in range(cuts.size):
        # levels <= cut is the same as 255 - levels > 254 - cut; the frame
        # is not a hole.
        holes = forest.counts[254 - cuts[i]] - 1 if cuts[i] < 255 else 0
        offsets[i + 1] = offsets[i] + holes
    roots = np.empty(offsets[-1], np.int32)
    places = np.empty(offsets[-1], np.int64)
    extents = np.empty((offsets[-1], 4), np.int32)
    if offsets[-1] == 0:
        return roots, places, extents, offsets
    sweep = start_sweep(forest, turned, turns, True)
    for i in range(cuts.size - 1, -1, -1):
        begin, end = offsets[i], offsets[i + 1]
        if end > begin:
            found, at = _components_at(levels, forest, sweep, 254 - cuts[i])
            roots[begin:end] = found[1:]
            places[begin:end] = at[1:]
            for j in range(begin, end):
                extents[j] = sweep.extents[roots[j], :4]
    return roots, places, extents, offsets


@njit(cache=True, nogil=True)
def all_contours(
    levels: np.ndarray, turned: np.ndarray, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of all contours at every cut, in OpenCV's order.

    Args:
        levels (np.ndarray): (H, W) uint8, padded with a frame of zeros.
        turned (np.ndarray): (W, H) uint8, its transpose, contiguous.
        cuts (np.ndarray): (n,) int64, falling, in [0, 255].

    Returns:
        tuple: (m, 4) int64 inclusive padded boxes, and (n + 1,) int64, where
        the boxes of each cut start.
    """
    row_turns, column_turns = find_turns(turned), find_turns(levels)
    forest = grow_forest(levels, row_turns, False)
    columns, rows = _profiles(levels)
    hollow = 255 - levels
    hollow_forest = grow_forest(hollow, row_turns, True)
    holes, hole_places, hole_extents, hole_offsets = _find_holes(
        hollow, 255 - turned, column_turns, hollow_forest, cuts
    )
    offsets = np.zeros(cuts.size + 1, np.int64)
    for i in range(cuts.size):
        count = forest.counts[cuts[i]] + hole_offsets[i + 1] - hole_offsets[i]
        offsets[i + 1] = offsets[i] + count
    boxes = np.empty((offsets[-1], 4), np.int64)
    width = levels.shape[1]
    sweep = start_sweep(forest, turned, column_turns, False)
    blob_node = np.empty(forest.tops.size, np.int64)
    hole_node = np.full(hollow_forest.tops.size, -1, np.int64)
    for i in range(cuts.size):
        cut = cuts[i]
        if forest.counts[cut] == 0:
            continue
        begin, end = hole_offsets[i], hole_offsets[i + 1]
        if forest.counts[cut] == 1 and begin == end:
            box = boxes[offsets[i]]
            box[X0], box[X1] = _span(columns, cut)
            box[Y0], box[Y1] = _span(rows, cut)
            continue
        blobs, blob_places = _components_at(levels, forest, sweep, cut)
        if begin == end:
            for k in range(blobs.size):
                boxes[offsets[i] + k] = sweep.extents[blobs[-1 - k], :4]
            continue
        blob_node[blobs] = np.arange(blobs.size)
        hole_node[holes[begin:end]] = blobs.size + np.arange(end - begin)
        around_blobs = _enclosing(hollow_forest, blob_places, width, 254 - cut)
        around_holes = _enclosing(forest, hole_places[begin:end], width, cut)
        order = _nested_order(
            blob_places,
            hole_places[begin:end],
            hole_node[around_blobs],
            blob_node[around_holes],
        )
        hole_node[holes[begin:end]] = -1
        for k in range(order.size):
            node = order[k]
            if node < blobs.size:
                boxes[offsets[i] + k] = sweep.extents[blobs[node], :4]
            else:
                hole = hole_extents[begin + node - blobs.size]
                box = boxes[offsets[i] + k]
                box[X0], box[Y0] = hole[X0] - 1, hole[Y0] - 1
                box[X1], box[Y1] = hole[X1] + 1, hole[Y1] + 1
    return boxes, offsets
