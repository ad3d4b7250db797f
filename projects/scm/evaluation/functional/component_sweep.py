# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Extents of all components of a grey-level map while a cut falls.

The rows that a component reaches are those of its hills. The columns are
those of the *column hills*, the hills of the transposed map: a column hill
belongs to the component of its peak, and it is there at every cut below its
top, as a hill is. So a sweep has a few events per row and column, and nothing
to do per pixel or per cut.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from .hill_forest import (
    HillForest,
    Turns,
    component_of,
    falling_order,
    find_hills,
    hill_at,
)

NOWHERE = 1 << 30


class Sweep(NamedTuple):
    """The state of a sweep over n hills and m column hills.

    The columns of ``extents`` are x0, y0, x1, y1 (inclusive) and the first
    hill in raster order; valid for roots.
    """

    extents: np.ndarray  # (n, 5) int32
    hills: np.ndarray  # (n,) int32, hills from high to low
    column_hills: np.ndarray  # (m,) int32, column hills from high to low
    column_tops: np.ndarray  # (m,) uint8
    column_peaks: np.ndarray  # (m,) int32, the hill that holds the peak
    columns: np.ndarray  # (m,) int32, x of each column hill
    roots: np.ndarray  # (n,) int32, live roots come first
    done: np.ndarray  # (4,) int64: hills, column hills, joins, live roots


X0, Y0, X1, Y1, FIRST = range(5)


@njit(cache=True, nogil=True)
def start_sweep(
    forest: HillForest, turned: np.ndarray, turns: Turns, hollow: bool
) -> Sweep:
    """Prepare a sweep.

    Args:
        forest (HillForest): Of a map, or of its hollow.
        turned (np.ndarray): (W, H) uint8, the same transposed, contiguous.
        turns (Turns): Of the columns of the map itself.
        hollow (bool): Whether it is the hollow of the map.

    Returns:
        Sweep: Before the highest cut.
    """
    _, peaks, tops, columns, _ = find_hills(turned, turns, hollow)
    holders = np.empty(tops.size, np.int32)
    for i in range(tops.size):
        holders[i] = hill_at(forest, peaks[i], columns[i])
    extents = np.empty((forest.tops.size, 5), np.int32)
    extents[:, X0] = extents[:, Y0] = extents[:, FIRST] = NOWHERE
    extents[:, X1] = extents[:, Y1] = -1
    return Sweep(
        extents,
        falling_order(forest.tops),
        falling_order(tops),
        tops,
        holders,
        columns,
        np.empty(forest.tops.size, np.int32),
        np.zeros(4, np.int64),
    )


@njit(cache=True, nogil=True)
def sweep_to(forest: HillForest, sweep: Sweep, cut: int) -> int:
    """Lower the cut, and bring ``roots`` and their extents up to date.

    Args:
        forest (HillForest): The forest the sweep was started with.
        sweep (Sweep): At a higher cut; changed in place.
        cut (int): The new cut, at least 0.

    Returns:
        int: How many of ``sweep.roots`` are live.
    """
    extents, done = sweep.extents, sweep.done
    while (
        done[2] < forest.joins.size
        and forest.links[forest.joins[done[2]]] > cut
    ):
        child = forest.joins[done[2]]
        root = forest.parents[child]
        extents[root, X0] = min(extents[root, X0], extents[child, X0])
        extents[root, Y0] = min(extents[root, Y0], extents[child, Y0])
        extents[root, X1] = max(extents[root, X1], extents[child, X1])
        extents[root, Y1] = max(extents[root, Y1], extents[child, Y1])
        extents[root, FIRST] = min(extents[root, FIRST], extents[child, FIRST])
        done[2] += 1
    live = 0
    for i in range(done[3]):
        if forest.links[sweep.roots[i]] <= cut:
            sweep.roots[live] = sweep.roots[i]
            live += 1
    while (
        done[0] < sweep.hills.size and forest.tops[sweep.hills[done[0]]] > cut
    ):
        hill = sweep.hills[done[0]]
        root = component_of(forest, hill, cut)
        if root == hill:
            sweep.roots[live] = root
            live += 1
        extents[root, Y0] = min(extents[root, Y0], forest.rows[hill])
        extents[root, Y1] = max(extents[root, Y1], forest.rows[hill])
        extents[root, FIRST] = min(extents[root, FIRST], hill)
        done[0] += 1
    while (
        done[1] < sweep.column_hills.size
        and sweep.column_tops[sweep.column_hills[done[1]]] > cut
    ):
        i = sweep.column_hills[done[1]]
        root = component_of(forest, sweep.column_peaks[i], cut)
        extents[root, X0] = min(extents[root, X0], sweep.columns[i])
        extents[root, X1] = max(extents[root, X1], sweep.columns[i])
        done[1] += 1
    done[3] = live
    return live


@njit(cache=True, nogil=True)
def first_pixel(
    levels: np.ndarray, forest: HillForest, hill: int, cut: int
) -> tuple[int, int]:
    """Row and first column of the part of a hill above a cut."""
    y = forest.rows[hill]
    x = forest.peaks[hill]
    start = forest.starts[hill]
    row = levels[y]
    while x > start and row[x - 1] > cut:
        x -= 1
    return y, x
