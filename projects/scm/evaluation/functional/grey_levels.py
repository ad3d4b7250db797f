# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Score maps to grey levels in one pass, compiled.

The same numbers as ``projects.scm.structures`` gives, without intermediate
maps: ``quantize_score_map(normalize_score_map(score_map))`` for raw maps and
``quantize_score_map(score_map)`` for maps in [0, 1].
"""

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from projects.scm.structures import normalize_score_map, quantize_score_map


@njit(cache=True, nogil=True)
def _to_levels(values: np.ndarray, low: float, span: float) -> np.ndarray:
    """``uint8(255 * (values - low) / span)`` of (h, w) float64."""
    levels = np.empty(values.shape, np.uint8)
    for y in range(values.shape[0]):
        row = values[y]
        out = levels[y]
        for x in range(row.size):
            out[x] = np.uint8((row[x] - low) / span * 255)
    return levels


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
        low, high = float(values.min()), float(values.max())
        if low < high and np.isfinite(high - low):
            return _to_levels(values, low, high - low)
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
    if _is_plain(values) and values.min() >= 0 and values.max() <= 1:
        return _to_levels(values, 0.0, 1.0)
    return quantize_score_map(values)
