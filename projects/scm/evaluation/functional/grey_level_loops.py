# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The loops of :mod:`.grey_levels`, compiled.

Imported when the first map comes: the compiler takes a while to load.
"""

import numpy as np

from projects.scm.utils.compiling import njit

#: Levels of smaller ranges are left to NumPy: their inverse may overflow.
LEAST_SPAN = 1e-300


@njit(cache=True, nogil=True)
def _extremes(values: np.ndarray) -> tuple[float, float]:
    """Lowest and highest of (h, w) float64; anything if there is a NaN.

    Column by column first: side by side, in the processor's vectors. Two rows
    at a time, which halves what is read and written of the columns.
    """
    lowest, highest = values[0].copy(), values[0].copy()
    for y in range(values.shape[0] % 2, values.shape[0], 2):
        row, next_row = values[y], values[y + 1]
        for x in range(row.size):
            a, b = row[x], next_row[x]
            low, high = (a, b) if a < b else (b, a)
            lowest[x] = low if low < lowest[x] else lowest[x]
            highest[x] = high if high > highest[x] else highest[x]
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
def raw_levels_of(values: np.ndarray) -> tuple[np.ndarray, bool]:
    """Framed levels of a map of any range, and whether some are none."""
    low, high = _extremes(values)
    span = high - low
    height, width = values.shape
    framed = _frame(height, width)
    if not LEAST_SPAN < span < np.inf:
        return framed, True
    # Products take less time than quotients, but are off by up to 2^-51. Where
    # a little less and a little more are of one level, so is the quotient;
    # rows with other pixels, such as the highest one, are divided.
    below, above = 255 / span * (1 - 1e-14), 255 / span * (1 + 1e-14)
    bad = np.int32(0)
    for y in range(height):
        row, out = values[y], framed[y + 1, 1:-1]
        unlike = np.int32(0)
        for x in range(width):
            above_low = row[x] - low
            level = np.int32(above_low * below)
            unlike |= level ^ np.int32(above_low * above)
            bad |= np.int32(not above_low >= 0)
            out[x] = np.uint8(level)
        if unlike != 0:
            for x in range(width):
                out[x] = np.uint8(np.int32((row[x] - low) / span * 255))
    return framed, bad > 0


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
