# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The connected components of a grey-level map at all thresholds at once.

A row of the map is cut at its valleys into *hills*: pieces whose levels rise
and then fall. At any cut, the pixels of a hill above the cut form one
interval, so a few hills a row stand for all pixels. Two hills touch above a
cut where a pair of neighbouring pixels, one of each, lies above it; the best
such pair gives the weight of the edge between the hills.

Joining hills in falling order of the weights gives a forest. A hill points to
its parent, and its link is the weight that joined them: the component of a
hill at a cut is reached by climbing while the link lies above the cut. Trees
are joined by size and never flattened, so climbs are short and the forest
answers for every cut, in any order.

The background of a map is the foreground of its *hollow* map, 255 minus the
levels, whose hills are the valleys. Both kinds of hills follow from the same
turning points.

Compiled with Numba at first use, then cached on disk.
"""

from typing import NamedTuple

import numpy as np
from numba import njit


class Turns(NamedTuple):
    """Where the levels of L lines turn, from rising to falling and back.

    The turns of line i are ``at[first[i]:first[i + 1]]``: the first position
    after a crest, then the first one after a valley, and so on in turn.
    """

    at: np.ndarray  # (t,) int32
    first: np.ndarray  # (L + 1,) int32


class HillForest(NamedTuple):
    """Hills of a map of n hills and H rows, and how they are joined."""

    starts: np.ndarray  # (n + 1,) int32, first columns
    peaks: np.ndarray  # (n,) int32, a column where the hill is highest
    tops: np.ndarray  # (n,) uint8, level at the peak
    rows: np.ndarray  # (n,) int32, row of each hill
    first: np.ndarray  # (H + 1,) int32, hills of row y: first[y]:first[y + 1]
    parents: np.ndarray  # (n,) int32, a root is its own parent
    links: np.ndarray  # (n,) int16, a root has -1
    joins: np.ndarray  # (j,) int32, hills with a parent, as they were joined
    counts: np.ndarray  # (256,) int64, number of components above each cut


@njit(cache=True, nogil=True)
def find_turns(across: np.ndarray) -> Turns:
    """Find the turning points of many lines side by side.

    Args:
        across (np.ndarray): (n, L) uint8, the lines are its columns.

    Returns:
        Turns: Of each line.
    """
    length, lines = across.shape
    bundles = (lines + 7) // 8
    falling = np.zeros(lines, np.uint8)
    padded = np.zeros(8 * bundles, np.uint8)
    turning = padded[:lines]
    eight = padded.view(np.uint64)  # to skip eight lines at a time
    line_of = np.empty(across.size, np.int32)
    at = np.empty(across.size, np.int32)
    count = 0
    first = np.zeros(lines + 1, np.int32)
    for i in range(1, length):
        before, now = across[i - 1], across[i]
        some = np.uint8(0)
        for j in range(lines):
            rises, falls = now[j] > before[j], now[j] < before[j]
            turn = (falling[j] & np.uint8(rises)) | (
                (falling[j] ^ np.uint8(1)) & np.uint8(falls)
            )
            falling[j] ^= turn
            turning[j] = turn
            some |= turn
        if not some:
            continue
        for bundle in range(bundles):
            if eight[bundle]:
                for j in range(8 * bundle, 8 * bundle + 8):
                    if padded[j]:
                        line_of[count], at[count] = j, i
                        count += 1
                        first[j + 1] += 1
    for j in range(lines):
        first[j + 1] += first[j]
    ordered = np.empty(count, np.int32)
    place = first.copy()
    for k in range(count):
        ordered[place[line_of[k]]] = at[k]
        place[line_of[k]] += 1
    return Turns(ordered, first)


@njit(cache=True, nogil=True)
def find_hills(
    levels: np.ndarray, turns: Turns, hollow: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cut the rows of a map into hills.

    Args:
        levels (np.ndarray): (H, W) uint8, the map, or its hollow.
        turns (Turns): Of the rows of the map itself.
        hollow (bool): Whether ``levels`` is the hollow of the map.

    Returns:
        tuple: Starts, peaks, tops, rows and first hills as in
        :class:`HillForest`.
    """
    height, width = levels.shape
    most = height + turns.at.size
    starts = np.zeros(most + 1, np.int32)
    peaks = np.zeros(most, np.int32)
    tops = np.empty(most, np.uint8)
    rows = np.empty(most, np.int32)
    first = np.empty(height + 1, np.int32)
    hill = 0
    for y in range(height):
        first[y] = hill
        begin, end = turns.first[y], turns.first[y + 1]
        starts[hill] = 0
        # A line rises at first: its hollow is highest at the beginning.
        peaks[hill] = 0 if hollow else width - 1
        for k in range(begin, end):
            position = turns.at[k]
            crest = (k - begin) % 2 == 0
            if crest != hollow:
                peaks[hill] = position - 1
            else:
                hill += 1
                starts[hill] = position
                peaks[hill] = width - 1
        hill += 1
        for i in range(first[y], hill):
            tops[i] = levels[y, peaks[i]]
            rows[i] = y
    first[height] = hill
    return starts[: hill + 1], peaks[:hill], tops[:hill], rows[:hill], first


@njit(cache=True, nogil=True)
def hill_at(forest: HillForest, y: int, x: int) -> int:
    """The hill that holds a pixel."""
    low, high = forest.first[y], forest.first[y + 1]
    while high - low > 1:
        middle = (low + high) // 2
        if forest.starts[middle] <= x:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def component_of(forest: HillForest, hill: int, cut: int) -> int:
    """Root hill that stands for the component of a hill at a cut."""
    while forest.links[hill] > cut:
        hill = forest.parents[hill]
    return hill


@njit(cache=True, nogil=True)
def falling_order(values: np.ndarray) -> np.ndarray:
    """Indices that sort uint8 values from high to low (counting sort)."""
    places = np.zeros(257, np.int64)
    for value in values:
        places[256 - value] += 1
    for i in range(256):
        places[i + 1] += places[i]
    order = np.empty(values.size, np.int32)
    for i in range(values.size):
        slot = 255 - values[i]
        order[places[slot]] = i
        places[slot] += 1
    return order


@njit(cache=True, nogil=True)
def _best_pair(above: np.ndarray, below: np.ndarray) -> int:
    """Highest level at which pixels of two rows touch vertically."""
    best = np.uint8(0)
    for x in range(above.size):
        best = max(best, min(above[x], below[x]))
    return best


@njit(cache=True, nogil=True)
def _has_diagonal(above: np.ndarray, below: np.ndarray) -> bool:
    """Whether any two pixels of two rows touch by a corner only."""
    left_above, right_above = above[:-1], above[1:]
    left_below, right_below = below[:-1], below[1:]
    found = np.uint8(0)
    for x in range(left_above.size):
        down = min(left_above[x], right_below[x])
        up = min(right_above[x], left_below[x])
        down_sides = max(right_above[x], left_below[x])
        up_sides = max(left_above[x], right_below[x])
        found |= np.uint8(down > down_sides) | np.uint8(up > up_sides)
    return found > 0


@njit(cache=True, nogil=True)
def _find_edges(
    levels: np.ndarray,
    starts: np.ndarray,
    first: np.ndarray,
    diagonal: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Touching hills: their indices and the weights (levels above 0).

    A diagonal pair counts only if both other pixels of its square are lower
    than the pair; otherwise they connect it already.
    """
    height, width = levels.shape
    most = 3 * starts.size + (levels.size if diagonal else 0)
    ends_a = np.empty(most, np.int32)
    ends_b = np.empty(most, np.int32)
    weights = np.empty(most, np.uint8)
    count = 0
    for y in range(height):
        above = levels[y]
        for a in range(first[y] + 1, first[y + 1]):
            valley = above[starts[a] - 1]
            if valley > 0:
                ends_a[count], ends_b[count] = a - 1, a
                weights[count] = valley
                count += 1
        if y + 1 == height:
            break
        below = levels[y + 1]
        a, b = first[y], first[y + 1]
        x = 0
        while x < width:
            end_a = starts[a + 1] if a + 1 < first[y + 1] else width
            end_b = starts[b + 1] if b + 1 < first[y + 2] else width
            end = min(end_a, end_b)
            weight = _best_pair(above[x:end], below[x:end])
            if weight > 0:
                ends_a[count], ends_b[count] = a, b
                weights[count] = weight
                count += 1
            a += end == end_a
            b += end == end_b
            x = end
        if not diagonal or not _has_diagonal(above, below):
            continue
        a, b = first[y], first[y + 1]
        for x in range(width - 1):
            while a + 1 < first[y + 1] and starts[a + 1] <= x:
                a += 1
            while b + 1 < first[y + 2] and starts[b + 1] <= x:
                b += 1
            down = min(above[x], below[x + 1])
            up = min(above[x + 1], below[x])
            next_a = a + (a + 1 < first[y + 1] and starts[a + 1] == x + 1)
            next_b = b + (b + 1 < first[y + 2] and starts[b + 1] == x + 1)
            if down > max(above[x + 1], below[x]):
                ends_a[count], ends_b[count] = a, next_b
                weights[count] = down
                count += 1
            elif up > max(above[x], below[x + 1]):
                ends_a[count], ends_b[count] = next_a, b
                weights[count] = up
                count += 1
    return ends_a[:count], ends_b[:count], weights[:count]


@njit(cache=True, nogil=True)
def grow_forest(levels: np.ndarray, turns: Turns, hollow: bool) -> HillForest:
    """Find the components of ``levels > cut`` for every cut.

    Components are 8-connected in a map and 4-connected in its hollow.

    Args:
        levels (np.ndarray): (H, W) uint8, the map, or its hollow.
        turns (Turns): Of the rows of the map itself.
        hollow (bool): Whether ``levels`` is the hollow of the map.

    Returns:
        HillForest: The hills and how they are joined.
    """
    starts, peaks, tops, rows, first = find_hills(levels, turns, hollow)
    ends_a, ends_b, weights = _find_edges(levels, starts, first, not hollow)
    hills = tops.size
    parents = np.arange(hills).astype(np.int32)
    links = np.full(hills, -1, np.int16)
    sizes = np.ones(hills, np.int32)
    joins = np.empty(hills, np.int32)
    joined = 0
    # A hill adds a component to all cuts below its top, a join takes one
    # from all cuts below its weight.
    changes = np.zeros(256, np.int64)
    for top in tops:
        changes[top] += 1
    for i in falling_order(weights):
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
            joins[joined] = b
            joined += 1
            changes[weights[i]] -= 1
    counts = np.empty(256, np.int64)
    total = 0
    for cut in range(255, -1, -1):
        counts[cut] = total
        total += changes[cut]
    return HillForest(
        starts,
        peaks,
        tops,
        rows,
        first,
        parents,
        links,
        joins[:joined].copy(),
        counts,
    )
