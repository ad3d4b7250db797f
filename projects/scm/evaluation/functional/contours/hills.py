# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Rows of a grey-level map as hills.

A row is cut at its valleys into *hills*: pieces whose levels rise and then
fall. At any cut, the pixels of a hill above the cut form one interval, so a
few hills a row stand for all pixels.

The background of a map is the foreground of its *hollow* map, 255 minus the
levels, whose hills are the valleys. Both kinds of hills follow from the same
turning points.
"""

from typing import NamedTuple

import numpy as np

from projects.scm.utils.compiling import njit

#: No literals: for each of those numba would compile a function of its own.
NO, YES = np.bool_(False), np.bool_(True)


class Turns(NamedTuple):
    """Where the levels of L lines turn, from rising to falling and back.

    The turns of line i are ``at[first[i]:first[i + 1]]``: the first position
    after a crest, then the first one after a valley, and so on in turn.
    """

    at: np.ndarray  # (t,) int32
    first: np.ndarray  # (L + 1,) int32


class Hills(NamedTuple):
    """The n hills of a map of H rows, in raster order."""

    starts: np.ndarray  # (n + 1,) int32, first columns
    peaks: np.ndarray  # (n,) int32, a column where the hill is highest
    tops: np.ndarray  # (n,) uint8, level at the peak
    rows: np.ndarray  # (n,) int32, row of each hill
    first: np.ndarray  # (H + 1,) int32, hills of row y: first[y]:first[y + 1]


@njit(cache=True, nogil=True)
def filled_bundles(marks: np.ndarray) -> np.ndarray:
    """Where any of eight marks in a row is set, to skip all others.

    Args:
        marks (np.ndarray): (n, 8 w) uint8, contiguous.

    Returns:
        np.ndarray: (k,) int32, places in raster order, divided by 8, rising.
    """
    eight = marks.reshape(-1).view(np.uint64)
    filled = np.empty(eight.size, np.int32)
    count = 0
    for k in range(eight.size):
        filled[count] = k
        count += eight[k] != 0
    return filled[:count]


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
    marks = np.zeros((length, 8 * bundles), np.uint8)
    for i in range(1, length):
        before, now, mark = across[i - 1], across[i], marks[i]
        for j in range(lines):
            rises = np.uint8(now[j] > before[j])
            falls = np.uint8(now[j] < before[j])
            turn = np.uint8(
                (falling[j] & rises) | ((falling[j] ^ np.uint8(1)) & falls)
            )
            falling[j] ^= turn
            mark[j] = turn
    filled = filled_bundles(marks)
    flat = marks.reshape(-1)
    # Written whether it is a turn or not, and kept if it is: to skip what is
    # none would be to guess.
    positions = np.empty(8 * filled.size + 1, np.int32)
    line_of = np.empty(8 * filled.size + 1, np.int32)
    total = 0
    for k in filled:
        i, j = k // bundles, k % bundles * 8
        for place in range(8):
            positions[total] = i
            line_of[total] = j + place
            total += flat[8 * k + place]  # never set beyond the last line
    first = np.zeros(lines + 1, np.int32)
    for line in line_of[:total]:
        first[line + 1] += 1
    for j in range(lines):
        first[j + 1] += first[j]
    at = np.empty(total, np.int32)
    free = first.copy()
    for n in range(total):
        line = line_of[n]
        at[free[line]] = positions[n]
        free[line] += 1
    return Turns(at, first)


@njit(cache=True, nogil=True)
def find_hills(levels: np.ndarray, turns: Turns, hollow: bool) -> Hills:
    """Cut the rows of a map into hills.

    Args:
        levels (np.ndarray): (H, W) uint8, the map, or its hollow.
        turns (Turns): Of the rows of the map itself.
        hollow (bool): Whether ``levels`` is the hollow of the map.

    Returns:
        Hills: In raster order.
    """
    height, width = levels.shape
    most = height + turns.at.size
    starts = np.zeros(most + 1, np.int32)
    peaks = np.empty(most, np.int32)
    tops = np.empty(most, np.uint8)
    rows = np.empty(most, np.int32)
    first = np.empty(height + 1, np.int32)
    hill = 0
    for y in range(height):
        first[y] = hill
        starts[hill] = 0
        # A line rises at first: its hollow is highest at the beginning.
        peaks[hill] = 0 if hollow else width - 1
        crest = not hollow
        for k in range(turns.first[y], turns.first[y + 1]):
            position = turns.at[k]
            if crest:
                peaks[hill] = position - 1
            else:
                hill += 1
                starts[hill] = position
                peaks[hill] = width - 1
            crest = not crest
        hill += 1
        for i in range(first[y], hill):
            tops[i] = levels[y, peaks[i]]
            rows[i] = y
    first[height] = hill
    return Hills(
        starts[: hill + 1], peaks[:hill], tops[:hill], rows[:hill], first
    )


@njit(cache=True, nogil=True)
def hill_at(hills: Hills, y: int, x: int) -> int:
    """The hill that holds a pixel."""
    low, high = hills.first[y], hills.first[y + 1]
    while high - low > 1:
        middle = (low + high) // 2
        if hills.starts[middle] <= x:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def first_pixel(
    levels: np.ndarray, hills: Hills, hill: int, cut: int
) -> tuple[int, int]:
    """Row and first column of the part of a hill above a cut."""
    y = hills.rows[hill]
    x = hills.peaks[hill]
    start = hills.starts[hill]
    row = levels[y]
    while x > start and row[x - 1] > cut:
        x -= 1
    return y, x


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
