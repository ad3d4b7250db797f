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

from projects.scm.utils.compiling import njit

from .hill_forest import HillForest, component_of
from .hills import Hills, falling_order, hill_at

NOWHERE = 1 << 30


class Sweep(NamedTuple):
    """The state of a sweep over n hills and m column hills, S summits.

    The columns of ``extents`` are x0, y0, x1, y1 (inclusive) and the first
    hill in raster order; valid for roots.
    """

    extents: np.ndarray  # (S, 5) int32
    summits: np.ndarray  # (S,) int32, from high to low
    hills: np.ndarray  # (n,) int32, hills from high to low
    column_hills: np.ndarray  # (m,) int32, column hills from high to low
    column_summits: np.ndarray  # (m,) int32, the summit of each
    roots: np.ndarray  # (S,) int32, live roots come first
    done: np.ndarray  # (5,) int64: hills, column hills, joins, live, summits


X0, Y0, X1, Y1, FIRST = range(5)


@njit(cache=True, nogil=True)
def start_sweep(forest: HillForest, hills: Hills, columns: Hills) -> Sweep:
    """Prepare a sweep.

    Args:
        forest (HillForest): Of a map, or of its hollow.
        hills (Hills): Of the same.
        columns (Hills): Of the same transposed.

    Returns:
        Sweep: Before the highest cut.
    """
    column_summits = np.empty(columns.tops.size, np.int32)
    for i in range(columns.tops.size):
        hill = hill_at(hills, columns.peaks[i], columns.rows[i])
        column_summits[i] = forest.summits[hill]
    extents = np.empty((forest.heights.size, 5), np.int32)
    extents[:, X0] = extents[:, Y0] = extents[:, FIRST] = NOWHERE
    extents[:, X1] = extents[:, Y1] = -1
    return Sweep(
        extents,
        falling_order(forest.heights),
        falling_order(hills.tops),
        falling_order(columns.tops),
        column_summits,
        np.empty(forest.heights.size, np.int32),
        np.zeros(5, np.int64),
    )


@njit(cache=True, nogil=True)
def sweep_to(
    forest: HillForest, hills: Hills, columns: Hills, sweep: Sweep, cut: int
) -> int:
    """Lower the cut, and bring ``roots`` and their extents up to date.

    Args:
        forest (HillForest): The forest the sweep was started with.
        hills (Hills): The same.
        columns (Hills): The same.
        sweep (Sweep): At a higher cut; changed in place.
        cut (int): The new cut, at least 0.

    Returns:
        int: How many of ``sweep.roots`` are live.
    """
    extents, done = sweep.extents, sweep.done
    at = done[2]
    while at < forest.joins.size and forest.links[forest.joins[at]] > cut:
        child = forest.joins[at]
        root = forest.parents[child]
        extents[root, X0] = min(extents[root, X0], extents[child, X0])
        extents[root, Y0] = min(extents[root, Y0], extents[child, Y0])
        extents[root, X1] = max(extents[root, X1], extents[child, X1])
        extents[root, Y1] = max(extents[root, Y1], extents[child, Y1])
        extents[root, FIRST] = min(extents[root, FIRST], extents[child, FIRST])
        at += 1
    done[2] = at
    live = 0
    for i in range(done[3]):
        root = sweep.roots[i]
        sweep.roots[live] = root
        live += forest.links[root] <= cut
    at = done[4]
    while at < sweep.summits.size and forest.heights[sweep.summits[at]] > cut:
        summit = sweep.summits[at]
        if forest.links[summit] <= cut:
            sweep.roots[live] = summit
            live += 1
        at += 1
    done[3], done[4] = live, at
    at = done[0]
    while at < sweep.hills.size and hills.tops[sweep.hills[at]] > cut:
        hill = sweep.hills[at]
        root = component_of(forest, forest.summits[hill], cut)
        extents[root, Y0] = min(extents[root, Y0], hills.rows[hill])
        extents[root, Y1] = max(extents[root, Y1], hills.rows[hill])
        extents[root, FIRST] = min(extents[root, FIRST], hill)
        at += 1
    done[0] = at
    at = done[1]
    while (
        at < sweep.column_hills.size
        and columns.tops[sweep.column_hills[at]] > cut
    ):
        i = sweep.column_hills[at]
        root = component_of(forest, sweep.column_summits[i], cut)
        extents[root, X0] = min(extents[root, X0], columns.rows[i])
        extents[root, X1] = max(extents[root, X1], columns.rows[i])
        at += 1
    done[1] = at
    return live
