# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Score maps to grey levels in one pass.

The same numbers as ``projects.scm.structures`` gives, without intermediate
maps: ``quantize_score_map(normalize_score_map(score_map))`` for raw maps and
``quantize_score_map(score_map)`` for maps in [0, 1]. Maps are (h, w) numbers,
levels (h, w) uint8; what is not 2-d, or holds NaN, is refused with a
``ValueError``.
"""

import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import normalize_score_map, quantize_score_map


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
    from .grey_level_loops import raw_levels_of

    values = np.asarray(score_map, dtype=np.float64)
    if _is_plain(values):
        levels, bad = raw_levels_of(values)
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
    from .grey_level_loops import unit_levels_of

    values = np.asarray(score_map, dtype=np.float64)
    if _is_plain(values):
        levels, bad = unit_levels_of(values)
        if not bad:
            return levels
    return quantize_score_map(values)
