# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The contour with the largest area at every cut."""

from typing import NamedTuple

import numpy as np

from projects.scm.utils.compiling import njit

from .component_sweep import (
    FIRST,
    X0,
    X1,
    Y0,
    Y1,
    start_sweep,
    sweep_to,
)
from .hill_forest import HillForest, component_of
from .hills import Hills, first_pixel
from .terrain import Terrain

# Steps to the 8 neighbours, clockwise on the screen from the right one.
STEP_X = np.array([1, 1, 0, -1, -1, -1, 0, 1])
STEP_Y = np.array([0, 1, 1, 1, 0, -1, -1, -1])
# Cuts with more components than this are decided one by one.
MANY = 64


@njit(cache=True, nogil=True)
def _doubled_area(
    levels: np.ndarray, hills: Hills, first_hill: int, cut: int
) -> int:
    """Twice the area of the outer border of a component.

    The polygon through pixel centres, as ``cv2.contourArea`` measures it,
    followed from the first pixel in raster order.
    """
    y, x = first_pixel(levels, hills, first_hill, cut)
    width = levels.shape[1]
    flat = levels.reshape(-1)
    steps = STEP_Y * width + STEP_X
    at = start = y * width + x
    begin = -1
    for turn in range(8):
        if flat[at + steps[turn]] > cut:
            begin = turn
            break
    if begin < 0:
        return 0
    area = 0
    direction = begin
    while True:
        step_x, step_y = STEP_X[direction], STEP_Y[direction]
        area += x * step_y - y * step_x
        x, y, at = x + step_x, y + step_y, at + steps[direction]
        # What lies further back was seen to be outside from the last pixel.
        direction = (direction + 7 - (direction & 1)) & 7
        while flat[at + steps[direction]] <= cut:
            direction = (direction + 1) & 7
        if at == start and direction == begin:
            return abs(area)


class _Course(NamedTuple):
    """The components at all cuts that have several: m in total at n cuts."""

    cuts: np.ndarray  # (n,) int64, falling
    begins: np.ndarray  # (n + 1,) int64, where the components of a cut start
    roots: np.ndarray  # (m,) int32
    extents: np.ndarray  # (m, 5) int32, as in Sweep


@njit(cache=True, nogil=True)
def _follow(
    forest: HillForest, hills: Hills, columns: Hills, cuts: np.ndarray
) -> _Course:
    """Note the components at all these cuts."""
    begins = np.zeros(cuts.size + 1, np.int64)
    for i in range(cuts.size):
        begins[i + 1] = begins[i] + forest.counts[cuts[i]]
    roots = np.empty(begins[cuts.size], np.int32)
    extents = np.empty((begins[cuts.size], 5), np.int32)
    sweep = start_sweep(forest, hills, columns)
    for i in range(cuts.size):
        live = sweep_to(forest, hills, columns, sweep, cuts[i])
        for k in range(live):
            root = sweep.roots[k]
            roots[begins[i] + k] = root
            for side in range(5):
                extents[begins[i] + k, side] = sweep.extents[root, side]
    return _Course(cuts, begins, roots, extents)


@njit(cache=True, nogil=True)
def _bound(extents: np.ndarray) -> int:
    """No border in a box encloses more; doubled, as areas are."""
    return (
        2 * (extents[X1] - extents[X0]) * np.int64(extents[Y1] - extents[Y0])
    )


@njit(cache=True, nogil=True)
def _later_bound(
    levels: np.ndarray,
    hills: Hills,
    forest: HillForest,
    course: _Course,
    root: int,
    leader: int,
    i: int,
    reach: int,
    area: int,
) -> tuple[int, int]:
    """A bound of a component's area from up to ``reach`` cuts further down.

    Areas only grow while cuts fall: what a component has at a lower cut, as
    long as it has not joined the leader, it cannot have before.

    Returns:
        tuple: The bound, and the index of that cut; i if there is none.
    """
    ahead = min(i + reach, course.cuts.size - 1)
    while ahead > i:
        cut = course.cuts[ahead]
        later = component_of(forest, root, cut)
        begin, end = course.begins[ahead], course.begins[ahead + 1]
        if later != component_of(forest, leader, cut) and end - begin <= MANY:
            for k in range(begin, end):
                if course.roots[k] == later:
                    bound = _bound(course.extents[k])
                    if bound >= area:
                        first = course.extents[k, FIRST]
                        bound = _doubled_area(levels, hills, first, cut)
                    return bound, ahead
        ahead = i + (ahead - i) // 2
    return 0, i


@njit(cache=True, nogil=True)
def _find_leaders(
    levels: np.ndarray, hills: Hills, forest: HillForest, course: _Course
) -> np.ndarray:
    """The component with the largest outer border at every cut of a course.

    The area that a leader once had bounds its area from below. Rivals are
    bounded from above by 2 (w - 1) (h - 1), and by areas at lower cuts.
    Borders are followed only where this does not decide.

    Returns:
        np.ndarray: (n,) int64, places among the components of the course.
    """
    summits = forest.heights.size
    limits = np.zeros(summits, np.int64)
    until = np.full(summits, -1, np.int64)
    reaches = np.full(summits, 8, np.int64)
    leaders = np.empty(course.cuts.size, np.int64)
    leader, area = -1, 0
    for i in range(course.cuts.size):
        cut = course.cuts[i]
        begin, end = course.begins[i], course.begins[i + 1]
        best = begin
        if leader < 0:
            for k in range(begin, end):
                if _bound(course.extents[k]) > _bound(course.extents[best]):
                    best = k
        else:
            leader = component_of(forest, leader, cut)
            while course.roots[best] != leader:
                best += 1
        leader, old_leader = course.roots[best], best
        known = False
        for k in range(begin, end):
            root = course.roots[k]
            bound = _bound(course.extents[k])
            if until[root] >= i:
                bound = min(bound, limits[root])
            if k == old_leader or bound < area:
                continue
            if not known:
                known = True
                first = course.extents[best, FIRST]
                area = _doubled_area(levels, hills, first, cut)
                if bound < area:
                    continue
            reach = reaches[root]
            if reach > 0 and end - begin <= MANY:
                bound, ahead = _later_bound(
                    levels, hills, forest, course, root, leader, i, reach, area
                )
                if ahead > i and bound < area:
                    limits[root], until[root] = bound, ahead
                    reaches[root] = 2 * (ahead - i)
                    continue
            reaches[root] = reach // 2 if reach > 0 else 2
            first = course.extents[k, FIRST]
            rival = _doubled_area(levels, hills, first, cut)
            if rival > area or (
                rival == area and first > course.extents[best, FIRST]
            ):
                area, best, leader = rival, k, root
        leaders[i] = best
    return leaders


@njit(cache=True, nogil=True)
def row_tops(hills: Hills) -> np.ndarray:
    """(H,) uint8, highest level of every row, or of columns by their hills."""
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
    terrain: Terrain, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Box of the contour with the largest area at every cut.

    Among contours of equal area the first in OpenCV's order counts. Two such
    contours are outer borders side by side, never one inside the other (the
    outer one would be larger), and of those OpenCV lists first the one whose
    first pixel comes last. The border of a hole can equal the outer border
    around it, but is listed after it.

    Args:
        terrain (Terrain): Of the map.
        cuts (np.ndarray): (n,) int64, falling, in [0, 255].

    Returns:
        tuple: (m, 4) int64 half-open boxes ``x0, y0, x1, y1`` in the frame
        of the map without its padding, and (n + 1,) int64, where those of
        each cut start: one, or none where there is no contour.
    """
    levels, hills, forest = terrain.levels, terrain.hills, terrain.forest
    offsets = np.zeros(cuts.size + 1, np.int64)
    several = False
    for i in range(cuts.size):
        offsets[i + 1] = offsets[i] + (forest.counts[cuts[i]] > 0)
        several |= forest.counts[cuts[i]] > 1
    boxes = np.empty((offsets[cuts.size], 4), np.int64)
    columns_at = spans(row_tops(terrain.columns))
    rows_at = spans(row_tops(hills))
    for i in range(cuts.size):
        cut = cuts[i]
        if forest.counts[cut] == 1:
            box = boxes[offsets[i]]
            box[X0], box[X1] = columns_at[cut, 0] - 1, columns_at[cut, 1]
            box[Y0], box[Y1] = rows_at[cut, 0] - 1, rows_at[cut, 1]
    if not several:
        return boxes, offsets
    course = _follow(
        forest, hills, terrain.columns, cuts[forest.counts[cuts] > 1]
    )
    leaders = _find_leaders(levels, hills, forest, course)
    at = 0
    for i in range(cuts.size):
        if forest.counts[cuts[i]] > 1:
            box, found = boxes[offsets[i]], course.extents[leaders[at]]
            box[X0], box[Y0] = found[X0] - 1, found[Y0] - 1
            box[X1], box[Y1] = found[X1], found[Y1]
            at += 1
    return boxes, offsets
