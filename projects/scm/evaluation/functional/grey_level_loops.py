# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The loops of :mod:`.grey_levels`, compiled.

Imported when the first map comes: the compiler takes a while to load.
"""

import numpy as np

from projects.scm.utils.compiling import njit


@njit(cache=True, nogil=True, fastmath={'nnan', 'nsz'})
def _extremes(values: np.ndarray) -> tuple[float, float]:
    """Lowest and highest of (h, w) float64; anything if there is a NaN."""
    low = high = values[0, 0]
    for y in range(values.shape[0]):
        row = values[y]
        for x in range(row.size):
            low = min(low, row[x])
            high = max(high, row[x])
    return low, high


@njit(cache=True, nogil=True)
def raw_levels_of(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Grey levels of a map of any range, and how many are none."""
    low, high = _extremes(values)
    span = high - low
    levels = np.empty(values.shape, np.uint8)
    if not 0 < span < np.inf:
        return levels, 1
    bad = 0
    for y in range(values.shape[0]):
        row, out = values[y], levels[y]
        for x in range(row.size):
            level = (row[x] - low) / span * 255
            bad += not level >= 0
            out[x] = np.uint8(np.int32(level))
    return levels, bad


@njit(cache=True, nogil=True)
def unit_levels_of(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Grey levels of a map in [0, 1], and how many pixels leave it."""
    levels = np.empty(values.shape, np.uint8)
    bad = 0
    for y in range(values.shape[0]):
        row, out = values[y], levels[y]
        for x in range(row.size):
            value = row[x]
            bad += not ((value >= 0) & (value <= 1))
            out[x] = np.uint8(np.int32(value * 255))
    return levels, bad
