# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The loops of :mod:`.grey_levels`, compiled.

Imported when the first map comes: the compiler takes a while to load.
"""

import numpy as np

from projects.scm.utils.compiling import njit


@njit(cache=True, nogil=True)
def _extremes(values: np.ndarray) -> tuple[float, float]:
    """Lowest and highest of (h, w) float64; anything if there is a NaN.

    Column by column first: side by side, in the processor's vectors.
    """
    lowest, highest = values[0].copy(), values[0].copy()
    for y in range(1, values.shape[0]):
        row = values[y]
        for x in range(row.size):
            lowest[x] = row[x] if row[x] < lowest[x] else lowest[x]
            highest[x] = row[x] if row[x] > highest[x] else highest[x]
    low, high = lowest[0], highest[0]
    for x in range(lowest.size):
        low, high = min(low, lowest[x]), max(high, highest[x])
    return low, high


@njit(cache=True, nogil=True)
def _frame(height: int, width: int) -> np.ndarray:
    """Levels of a map in their frame, of which the frame alone is set."""
    framed = np.empty((height + 2, width + 2), np.uint8)
    framed[0] = framed[height + 1] = 0
    framed[:, 0] = framed[:, width + 1] = 0
    return framed


@njit(cache=True, nogil=True)
def raw_levels_of(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Framed levels of a map of any range, and how many are none."""
    low, high = _extremes(values)
    span = high - low
    height, width = values.shape
    framed = _frame(height, width)
    if not 0 < span < np.inf:
        return framed, 1
    bad = 0
    for y in range(height):
        row, out = values[y], framed[y + 1, 1:-1]
        for x in range(width):
            level = (row[x] - low) / span * 255
            bad += not level >= 0
            out[x] = np.uint8(np.int32(level))
    return framed, bad


@njit(cache=True, nogil=True)
def unit_levels_of(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Framed levels of a map in [0, 1], and how many pixels leave it."""
    height, width = values.shape
    framed = _frame(height, width)
    bad = 0
    for y in range(height):
        row, out = values[y], framed[y + 1, 1:-1]
        for x in range(width):
            value = row[x]
            bad += not ((value >= 0) & (value <= 1))
            out[x] = np.uint8(np.int32(value * 255))
    return framed, bad
