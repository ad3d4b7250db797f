# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The connected components of a grey-level map at all thresholds at once.

A row of the map is cut at its valleys into *hills*: pieces whose levels rise
and then fall. At any cut, the pixels of a hill above the cut form one
interval, so a few hills a row stand for all pixels. Two hills touch above a
cut exactly when the best pair of neighbouring pixels, one of each, lies above
it; that pair's lower level is the weight of the edge between the hills.

Joining hills in falling order of the weights gives a forest. A hill points to
its parent, and its link is the weight that joined them: the component of a
hill at a cut is reached by climbing while the link lies above the cut. Trees
are joined by size and never flattened, so climbs are short and the forest
answers for every cut, in any order.

Compiled with Numba at first use, then cached on disk.
"""

from typing import NamedTuple

import numpy as np
from numba import njit


class HillForest(NamedTuple):
    """Hills of a map of n hills and H rows, and how they are joined."""

    starts: np.ndarray  # (n,) int32, first column of each hill
    peaks: np.ndarray  # (n,) int32, a column where the hill is highest
    tops: np.ndarray  # (n,) uint8, level at the peak
    rows: np.ndarray  # (H + 1,) int32, hills of row y: rows[y]:rows[y + 1]
    parents: np.ndarray  # (n,) int32, a root is its own parent
    links: np.ndarray  # (n,) int16, a root has -1
    counts: np.ndarray  # (256,) int64, number of components above each cut


@njit(cache=True, nogil=True)
def hill_end(
    starts: np.ndarray, rows: np.ndarray, y: int, hill: int, width: int
) -> int:
    """Column behind the last pixel of a hill of row y."""
    if hill + 1 < rows[y + 1]:
        return starts[hill + 1]
    return width


@njit(cache=True, nogil=True)
def _find_hills(
    levels: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Starts, peaks, tops and row ranges of the hills of (H, W) uint8."""
    height, width = levels.shape
    most = height * (width // 2 + 1)
    starts = np.empty(most, np.int32)
    peaks = np.empty(most, np.int32)
    rows = np.empty(height + 1, np.int32)
    hill = 0
    for y in range(height):
        row = levels[y]
        rows[y] = hill
        starts[hill] = 0
        peak = 0
        falling = False
        for x in range(1, width):
            if row[x] > row[x - 1]:
                if falling:
                    peaks[hill] = peak
                    hill += 1
                    starts[hill] = x
                    falling = False
                peak = x
            elif row[x] < row[x - 1]:
                falling = True
        peaks[hill] = peak
        hill += 1
    rows[height] = hill
    tops = np.empty(hill, np.uint8)
    for y in range(height):
        for i in range(rows[y], rows[y + 1]):
            tops[i] = levels[y, peaks[i]]
    return starts[:hill].copy(), peaks[:hill].copy(), tops, rows


@njit(cache=True, nogil=True)
def _contact(
    upper: np.ndarray,
    lower: np.ndarray,
    start_a: int,
    end_a: int,
    start_b: int,
    end_b: int,
    reach: int,
) -> int:
    """Weight of the edge between a hill and one of the row below it."""
    best = np.uint8(0)
    for shift in range(-reach, reach + 1):
        first = max(start_a, start_b - shift)
        last = min(end_a, end_b - shift)
        if last > first:
            above = upper[first:last]
            below = lower[first + shift : last + shift]
            for x in range(above.size):
                best = max(best, min(above[x], below[x]))
    return best


@njit(cache=True, nogil=True)
def _find_edges(
    levels: np.ndarray,
    starts: np.ndarray,
    rows: np.ndarray,
    diagonal: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Touching hills: their indices and the weights (levels above 0)."""
    height, width = levels.shape
    # A hill meets its right neighbour, and two rows of n and m hills meet in
    # at most n + m pairs, plus one at each end of a hill for diagonals.
    most = 8 * starts.size
    ends_a = np.empty(most, np.int32)
    ends_b = np.empty(most, np.int32)
    weights = np.empty(most, np.uint8)
    count = 0
    reach = 1 if diagonal else 0
    for y in range(height):
        for a in range(rows[y], rows[y + 1] - 1):
            valley = levels[y, starts[a + 1] - 1]
            if valley > 0:
                ends_a[count] = a
                ends_b[count] = a + 1
                weights[count] = valley
                count += 1
        if y + 1 == height:
            break
        below = rows[y + 1]
        for a in range(rows[y], rows[y + 1]):
            start_a = starts[a]
            end_a = hill_end(starts, rows, y, a, width)
            while (
                hill_end(starts, rows, y + 1, below, width) <= start_a - reach
            ):
                below += 1
            b = below
            while b < rows[y + 2] and starts[b] < end_a + reach:
                end_b = hill_end(starts, rows, y + 1, b, width)
                weight = _contact(
                    levels[y],
                    levels[y + 1],
                    start_a,
                    end_a,
                    starts[b],
                    end_b,
                    reach,
                )
                if weight > 0:
                    ends_a[count] = a
                    ends_b[count] = b
                    weights[count] = weight
                    count += 1
                b += 1
    return ends_a[:count], ends_b[:count], weights[:count]


@njit(cache=True, nogil=True)
def _falling_order(weights: np.ndarray) -> np.ndarray:
    """Indices that sort uint8 weights from high to low (counting sort)."""
    places = np.zeros(257, np.int64)
    for weight in weights:
        places[256 - weight] += 1
    for i in range(256):
        places[i + 1] += places[i]
    order = np.empty(weights.size, np.int32)
    for i in range(weights.size):
        slot = 255 - weights[i]
        order[places[slot]] = i
        places[slot] += 1
    return order


@njit(cache=True, nogil=True)
def grow_forest(levels: np.ndarray, diagonal: bool) -> HillForest:
    """Find the components of ``levels > cut`` for every cut.

    Args:
        levels (np.ndarray): (H, W) uint8.
        diagonal (bool): Whether diagonal neighbours are connected
            (8-connected components) or not (4-connected).

    Returns:
        HillForest: The hills and how they are joined.
    """
    starts, peaks, tops, rows = _find_hills(levels)
    ends_a, ends_b, weights = _find_edges(levels, starts, rows, diagonal)
    hills = starts.size
    parents = np.arange(hills).astype(np.int32)
    links = np.full(hills, -1, np.int16)
    sizes = np.ones(hills, np.int32)
    # A hill adds a component to all cuts below its top, a join takes one
    # from all cuts below its weight.
    changes = np.zeros(256, np.int64)
    for top in tops:
        changes[top] += 1
    for i in _falling_order(weights):
        a = ends_a[i]
        b = ends_b[i]
        while parents[a] != a:
            a = parents[a]
        while parents[b] != b:
            b = parents[b]
        if a != b:
            if sizes[a] < sizes[b]:
                a, b = b, a
            parents[b] = a
            links[b] = weights[i]
            sizes[a] += sizes[b]
            changes[weights[i]] -= 1
    counts = np.empty(256, np.int64)
    total = 0
    for cut in range(255, -1, -1):
        counts[cut] = total
        total += changes[cut]
    return HillForest(starts, peaks, tops, rows, parents, links, counts)


@njit(cache=True, nogil=True)
def component_of(forest: HillForest, hill: int, cut: int) -> int:
    """Root hill that stands for the component of a hill at a cut."""
    while forest.links[hill] > cut:
        hill = forest.parents[hill]
    return hill
