# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""All contours at every cut, holes included, in OpenCV's order.

Where a component begins in raster order follows from its first hill, and so
does what encloses it: the valley on its left. In a row, valleys and hills
take turns, a valley first.
"""

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
from .hill_forest import HillForest, component_of, grow_forest
from .hills import NO, YES, Hills, find_hills
from .largest import row_tops, spans
from .terrain import Terrain


@njit(cache=True, nogil=True)
def _nested_order(
    blobs: np.ndarray,
    holes: np.ndarray,
    blob_parents: np.ndarray,
    hole_parents: np.ndarray,
    behind: np.ndarray,
    order: np.ndarray,
) -> None:
    """Order blobs (0 …) and holes (len(blobs) …) as OpenCV lists contours.

    Every contour comes before what it encloses; of neighbours the one whose
    first pixel comes last is listed first. Inserting the nodes in raster
    order of their first pixels, each right behind its parent, does just that.

    Args:
        blobs (np.ndarray): (b,) raster order of first pixels, rising.
        holes (np.ndarray): (h,) the same of holes.
        blob_parents (np.ndarray): (b,) node around each blob, -1: the frame.
        hole_parents (np.ndarray): (h,) node around each hole.
        behind (np.ndarray): At least (b + h + 1,), overwritten.
        order (np.ndarray): At least (b + h,), receives the nodes.
    """
    total = blobs.size + holes.size
    behind[total] = -1  # the frame's place
    i = j = 0
    while i < blobs.size or j < holes.size:
        if j == holes.size or (i < blobs.size and blobs[i] < holes[j]):
            node, parent = i, blob_parents[i]
            i += 1
        else:
            node, parent = blobs.size + j, hole_parents[j]
            j += 1
        if parent < 0:
            parent = total
        behind[node] = behind[parent]
        behind[parent] = node
    node = behind[total]
    for k in range(total):
        order[k] = node
        node = behind[node]


@njit(cache=True, nogil=True)
def _components_at(
    forest: HillForest, hills: Hills, columns: Hills, sweep: Sweep, cut: int
) -> np.ndarray:
    """Roots in raster order of first pixels; the next call overwrites them."""
    live = sweep_to(forest, hills, columns, sweep, cut)
    roots = sweep.roots[:live]
    if live > 64:  # each hill is the first one of one root at most
        first_of = np.full(hills.tops.size, -1, np.int32)
        for root in roots:
            first_of[sweep.extents[root, FIRST]] = root
        count = 0
        for root in first_of:
            if root >= 0:
                roots[count] = root
                count += 1
    else:  # few, and in order but for the new ones
        for i in range(1, live):
            root = roots[i]
            first = sweep.extents[root, FIRST]
            j = i
            while j > 0 and sweep.extents[roots[j - 1], FIRST] > first:
                roots[j] = roots[j - 1]
                j -= 1
            roots[j] = root
    return roots


@njit(cache=True, nogil=True)
def _find_holes(
    forest: HillForest, hills: Hills, columns: Hills, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Holes at falling cuts, in the order of the cuts and raster order.

    Args:
        forest (HillForest): The components of the hollow of the map.
        hills (Hills): Of the hollow.
        columns (Hills): Of the hollow transposed.
        cuts (np.ndarray): (n,) int64, those of the map.

    Returns:
        tuple: (m,) roots, (m, 5) extents as in :class:`Sweep`, and (n + 1,)
        where the holes of each cut start.
    """
    offsets = np.zeros(cuts.size + 1, np.int64)
    for i in range(cuts.size):
        # levels <= cut is the same as 255 - levels > 254 - cut; the frame
        # is not a hole.
        holes = forest.counts[254 - cuts[i]] - 1 if cuts[i] < 255 else 0
        offsets[i + 1] = offsets[i] + holes
    roots = np.empty(offsets[-1], np.int32)
    extents = np.empty((offsets[-1], 5), np.int32)
    if offsets[-1] == 0:
        return roots, extents, offsets
    sweep = start_sweep(forest, hills, columns)
    for i in range(cuts.size - 1, -1, -1):
        begin, end = offsets[i], offsets[i + 1]
        if end > begin:
            found = _components_at(
                forest, hills, columns, sweep, 254 - cuts[i]
            )
            for j in range(begin, end):
                roots[j] = found[1 + j - begin]
                # By number: to assign an array costs seconds of compiling.
                for side in range(5):
                    extents[j, side] = sweep.extents[roots[j], side]
    return roots, extents, offsets


@njit(cache=True, nogil=True)
def all_contours(
    terrain: Terrain, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of all contours at every cut, in OpenCV's order.

    Args:
        terrain (Terrain): Of the map.
        cuts (np.ndarray): (n,) int64, falling, in [0, 255].

    Returns:
        tuple: (m, 4) int64 half-open boxes ``x0, y0, x1, y1`` in the frame
        of the map without its padding, and (n + 1,) int64, where the boxes
        of each cut start.
    """
    levels, hills, forest = terrain.levels, terrain.hills, terrain.forest
    columns = terrain.columns
    hollow = ~levels  # 255 - levels, which numba would make int64
    valleys = find_hills(hollow, terrain.row_turns, YES)
    column_valleys = find_hills(~terrain.turned, terrain.column_turns, YES)
    hollow_forest = grow_forest(hollow, valleys, NO)
    hole_roots, hole_extents, hole_offsets = _find_holes(
        hollow_forest, valleys, column_valleys, cuts
    )
    offsets = np.zeros(cuts.size + 1, np.int64)
    most_blobs = most_holes = 0
    for i in range(cuts.size):
        blobs = forest.counts[cuts[i]]
        holes = hole_offsets[i + 1] - hole_offsets[i]
        offsets[i + 1] = offsets[i] + blobs + holes
        most_blobs, most_holes = max(most_blobs, blobs), max(most_holes, holes)
    boxes = np.empty((offsets[-1], 4), np.int64)
    columns_at, rows_at = spans(row_tops(columns)), spans(row_tops(hills))
    sweep = start_sweep(forest, hills, columns)
    blob_node = np.empty(forest.heights.size, np.int64)
    hole_node = np.full(hollow_forest.heights.size, -1, np.int64)
    blob_places = np.empty(most_blobs, np.int64)
    hole_places = np.empty(most_holes, np.int64)
    around_blobs = np.empty(most_blobs, np.int64)
    around_holes = np.empty(most_holes, np.int64)
    behind = np.empty(most_blobs + most_holes + 1, np.int64)
    order = np.empty(most_blobs + most_holes, np.int64)
    stride = 2 * levels.shape[1]
    for i in range(cuts.size):
        cut = cuts[i]
        blobs = forest.counts[cut]
        if blobs == 0:
            continue
        begin, end = hole_offsets[i], hole_offsets[i + 1]
        holes = end - begin
        if blobs == 1 and holes == 0:
            box = boxes[offsets[i]]
            box[X0], box[X1] = columns_at[cut, 0] - 1, columns_at[cut, 1]
            box[Y0], box[Y1] = rows_at[cut, 0] - 1, rows_at[cut, 1]
            continue
        roots = _components_at(forest, hills, columns, sweep, cut)
        if holes == 0:
            for k in range(blobs):
                order[k] = blobs - 1 - k
        else:
            for k in range(blobs):
                blob_node[roots[k]] = k
            for k in range(holes):
                hole_node[hole_roots[begin + k]] = blobs + k
            for k in range(blobs):
                hill = sweep.extents[roots[k], FIRST]
                y = hills.rows[hill]
                place = hill - hills.first[y]
                blob_places[k] = y * stride + 2 * place + 1
                valley = valleys.first[y] + place
                around_blobs[k] = hole_node[
                    component_of(
                        hollow_forest,
                        hollow_forest.summits[valley],
                        254 - cut,
                    )
                ]
            for k in range(holes):
                valley = hole_extents[begin + k, FIRST]
                y = valleys.rows[valley]
                place = valley - valleys.first[y]
                hole_places[k] = y * stride + 2 * place
                hill = hills.first[y] + place - 1
                around_holes[k] = blob_node[
                    component_of(forest, forest.summits[hill], cut)
                ]
            for k in range(holes):
                hole_node[hole_roots[begin + k]] = -1
            _nested_order(
                blob_places[:blobs],
                hole_places[:holes],
                around_blobs,
                around_holes,
                behind,
                order,
            )
        for k in range(blobs + holes):
            node = order[k]
            box = boxes[offsets[i] + k]
            if node < blobs:
                found = sweep.extents[roots[node]]
                box[X0], box[Y0] = found[X0] - 1, found[Y0] - 1
                box[X1], box[Y1] = found[X1], found[Y1]
            else:
                found = hole_extents[begin + node - blobs]
                box[X0], box[Y0] = found[X0] - 2, found[Y0] - 2
                box[X1], box[Y1] = found[X1] + 1, found[Y1] + 1
    return boxes, offsets
