# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The connected components of a grey-level map at all cuts at once.

Two hills touch above a cut where a pair of neighbouring pixels, one of each,
lies above it; the best such pair gives the weight of the edge between them.
Where this weight is the top of the lower hill, that hill is never a component
of its own: it belongs to the higher one. So every hill leads, from hill to
higher hill, to a *summit*, and only a few edges between summits are left.

Joining summits in falling order of the weights gives a forest. A summit
points to its parent, and its link is the weight that joined them: the
component of a summit at a cut is reached by climbing while the link lies
above the cut. Trees are joined by size and never flattened, so climbs are
short and the forest answers for every cut, in any order.
"""

from typing import NamedTuple

import numpy as np

from projects.scm.utils.compiling import njit

from .hills import Hills, falling_order, filled_bundles, hill_at


class HillForest(NamedTuple):
    """The S summits of n hills, and how they are joined."""

    summits: np.ndarray  # (n,) int32, the summit that each hill leads to
    heights: np.ndarray  # (S,) uint8, level of each summit
    parents: np.ndarray  # (S,) int32, a root is its own parent
    links: np.ndarray  # (S,) int16, a root has -1
    joins: np.ndarray  # (j,) int32, summits with a parent, as they were joined
    counts: np.ndarray  # (256,) int64, number of components above each cut


class _Edges(NamedTuple):
    """Edges between hills, the first of a pair before the second."""

    absorbers: np.ndarray  # (n,) int32, the higher hill, or -1
    first: np.ndarray  # (e,) int32
    second: np.ndarray  # (e,) int32
    weights: np.ndarray  # (e,) uint8


@njit(cache=True, nogil=True)
def component_of(forest: HillForest, summit: int, cut: int) -> int:
    """Root that stands for the component of a summit at a cut."""
    while forest.links[summit] > cut:
        summit = forest.parents[summit]
    return summit


@njit(cache=True, nogil=True, inline='always')
def _meeting(
    above: np.ndarray,
    below: np.ndarray,
    low: int,
    high: int,
    peak_above: int,
    peak_below: int,
) -> int:
    """Highest level at which two hills touch vertically in [low, high].

    Between the peaks one hill falls and the other rises: the best pair is
    where they cross.
    """
    begin = min(max(peak_above, low), high)
    end = min(max(peak_below, low), high)
    if begin > end:
        begin, end = end, begin
        rising, falling = above, below
    else:
        rising, falling = below, above
    if rising[end] <= falling[end]:
        return rising[end]
    if rising[begin] >= falling[begin]:
        return falling[begin]
    low = begin
    while low < end:
        middle = (low + end) // 2
        if rising[middle] >= falling[middle]:
            end = middle
        else:
            low = middle + 1
    return max(falling[low], rising[low - 1])


@njit(cache=True, nogil=True)
def _mark_diagonals(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where pixels touch by a corner only.

    A pair counts only if both other pixels of its square are lower;
    otherwise they connect it already.

    Returns:
        tuple: (H - 1, 8 w) uint8, 1 at the upper left pixel of a square whose
        falling diagonal counts, 2 where the rising one does; and places in
        it, divided by 8, where there is any.
    """
    height, width = levels.shape
    bundles = (width + 7) // 8
    marks = np.zeros((height - 1, 8 * bundles), np.uint8)
    for y in range(height - 1):
        above, next_above = levels[y, :-1], levels[y, 1:]
        below, next_below = levels[y + 1, :-1], levels[y + 1, 1:]
        mark = marks[y]
        for x in range(width - 1):
            down = min(above[x], next_below[x])
            up = min(next_above[x], below[x])
            down_sides = max(next_above[x], below[x])
            up_sides = max(above[x], next_below[x])
            mark[x] = np.uint8(down > down_sides) | (
                np.uint8(up > up_sides) << np.uint8(1)
            )
    return marks, filled_bundles(marks)


@njit(cache=True, nogil=True, inline='always')
def _add_edge(
    edges: _Edges, count: int, tops: np.ndarray, a: int, b: int, weight: int
) -> int:
    """Keep an edge, a before b, or let one of the hills absorb the other.

    Absorbers are higher, or as high and earlier: there are no circles. Which
    of it happens cannot be foreseen, so nothing is skipped: everything is
    written, and counts or does not.

    Returns:
        int: How many edges are kept.
    """
    top_a, top_b = tops[a], tops[b]
    absorbers = edges.absorbers
    own_a, own_b = absorbers[a], absorbers[b]
    touch = weight > 0
    takes_b = touch & (weight == top_b) & (top_a >= top_b) & (own_b < 0)
    takes_a = touch & (weight == top_a) & (top_b > top_a) & (own_a < 0)
    absorbers[b] = a if takes_b else own_b
    absorbers[a] = b if takes_a else own_a
    edges.first[count], edges.second[count] = a, b
    edges.weights[count] = weight
    return count + (touch & ~(takes_a | takes_b))


@njit(cache=True, nogil=True)
def _find_edges(levels: np.ndarray, hills: Hills, diagonal: bool) -> _Edges:
    """Hills that touch above level 0."""
    height, width = levels.shape
    starts, peaks, tops, rows_at = (
        hills.starts,
        hills.peaks,
        hills.tops,
        hills.first,
    )
    ends = starts[1:].copy()  # first column behind each hill
    ends[rows_at[1:] - 1] = width
    bundles = (width + 7) // 8
    if diagonal:
        marks, filled = _mark_diagonals(levels)
    else:
        marks, filled = np.zeros((0, 0), np.uint8), np.zeros(0, np.int32)
    most = 3 * tops.size + 16 * filled.size + 1  # one that does not count
    edges = _Edges(
        np.full(tops.size, -1, np.int32),
        np.empty(most, np.int32),
        np.empty(most, np.int32),
        np.empty(most, np.uint8),
    )
    count = 0
    for y in range(height):
        above = levels[y]
        for a in range(rows_at[y] + 1, rows_at[y + 1]):
            valley = above[starts[a] - 1]
            count = _add_edge(edges, count, tops, a - 1, a, valley)
        if y + 1 == height:
            break
        below = levels[y + 1]
        a, b = rows_at[y], rows_at[y + 1]
        x = 0
        while x < width:
            end_a, end_b = ends[a], ends[b]
            end = min(end_a, end_b)
            weight = _meeting(above, below, x, end - 1, peaks[a], peaks[b])
            count = _add_edge(edges, count, tops, a, b, weight)
            a += end == end_a
            b += end == end_b
            x = end
    for k in filled:
        y = k // bundles
        for x in range(k % bundles * 8, k % bundles * 8 + 8):
            for rising in range(2):
                if marks[y, x] >> rising & 1:
                    upper, lower = x + rising, x + 1 - rising
                    count = _add_edge(
                        edges,
                        count,
                        tops,
                        hill_at(hills, y, upper),
                        hill_at(hills, y + 1, lower),
                        min(levels[y, upper], levels[y + 1, lower]),
                    )
    return _Edges(
        edges.absorbers,
        edges.first[:count],
        edges.second[:count],
        edges.weights[:count],
    )


@njit(cache=True, nogil=True)
def _find_summits(
    absorbers: np.ndarray, tops: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The summit that each hill leads to, and the levels of summits."""
    hills = tops.size
    summits = np.full(hills, -1, np.int32)
    heights = np.empty(hills, np.uint8)
    count = 0
    for hill in range(hills):
        at = hill
        while summits[at] < 0 and absorbers[at] >= 0:
            at = absorbers[at]
        if summits[at] < 0:
            summits[at] = count
            heights[count] = tops[at]
            count += 1
        summit = summits[at]
        at = hill
        while summits[at] < 0:
            summits[at] = summit
            at = absorbers[at]
    return summits, heights[:count].copy()


@njit(cache=True, nogil=True)
def grow_forest(
    levels: np.ndarray, hills: Hills, diagonal: bool
) -> HillForest:
    """Find the components of ``levels > cut`` for every cut.

    Args:
        levels (np.ndarray): (H, W) uint8, the map, or its hollow.
        hills (Hills): Of these levels.
        diagonal (bool): Whether components are 8-connected, as in a map, or
            4-connected, as in its hollow.

    Returns:
        HillForest: The summits and how they are joined.
    """
    edges = _find_edges(levels, hills, diagonal)
    summits, heights = _find_summits(edges.absorbers, hills.tops)
    first, second, weights = edges.first, edges.second, edges.weights
    kept = 0
    for i in range(weights.size):
        a, b = summits[first[i]], summits[second[i]]
        first[kept], second[kept], weights[kept] = a, b, weights[i]
        kept += a != b
    parents = np.arange(heights.size).astype(np.int32)
    leads_to = parents.copy()  # the same, flattened: roots are found sooner
    links = np.full(heights.size, -1, np.int16)
    sizes = np.ones(heights.size, np.int32)
    joins = np.empty(heights.size, np.int32)
    joined = 0
    # A summit adds a component to all cuts below its level, a join takes one
    # from all cuts below its weight.
    changes = np.zeros(256, np.int64)
    for height in heights:
        changes[height] += 1
    for i in falling_order(weights[:kept]):
        a, b = first[i], second[i]
        while leads_to[a] != a:
            leads_to[a] = leads_to[leads_to[a]]
            a = leads_to[a]
        while leads_to[b] != b:
            leads_to[b] = leads_to[leads_to[b]]
            b = leads_to[b]
        if a != b:
            if sizes[a] < sizes[b]:
                a, b = b, a
            parents[b] = leads_to[b] = a
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
        summits, heights, parents, links, joins[:joined].copy(), counts
    )
