# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Score maps to grey levels in one pass, compiled.

The same numbers as ``projects.scm.structures`` gives, without intermediate
maps: ``quantize_score_map(normalize_score_map(score_map))`` for raw maps and
``quantize_score_map(score_map)`` for maps in [0, 1].
"""

import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import normalize_score_map, quantize_score_map
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
def _raw_levels(values: np.ndarray) -> tuple[np.ndarray, int]:
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
def _unit_levels(values: np.ndarray) -> tuple[np.ndarray, int]:
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


def _is_plain(values: np.ndarray) -> bool:
    return (
        values.ndim == 2 and values.size > 0 and values.flags['C_CONTIGUOUS']
    )


def raw_levels(score_map: ArrayLike) -> np.ndarray:
    """Grey levels of a score map of any range, stretched to 0 to 255.

    Args:
        score_map (ArrayLike): (h, w) numbers.

    Returns:
        np.ndarray: (h, w) uint8; zeros where the map is constant.

    Raises:
        ValueError: If it is not 2-d, or holds NaN or infinity.
    """
    values = np.asarray(score_map, dtype=np.float64)
    if _is_plain(values):
        levels, bad = _raw_levels(values)
        if not bad:
            return levels
    return quantize_score_map(normalize_score_map(values))


def unit_levels(score_map: ArrayLike) -> np.ndarray:
    """Grey levels of a score map in [0, 1], ``uint8(255 * map)``.

    Args:
        score_map (ArrayLike): (h, w) numbers in [0, 1].

    Returns:
        np.ndarray: (h, w) uint8.

    Raises:
        ValueError: If it is not 2-d, holds NaN, or leaves [0, 1].
    """
    values = np.asarray(score_map, dtype=np.float64)
    if _is_plain(values):
        levels, bad = _unit_levels(values)
        if not bad:
            return levels
    return quantize_score_map(values)
