# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Score maps to grey levels in one pass, framed as a search wants them.

The same numbers as ``projects.scm.structures`` gives, without intermediate
maps: ``quantize_score_map(normalize_score_map(score_map))`` for raw maps and
``quantize_score_map(score_map)`` for maps in [0, 1]. Maps are (h, w) numbers;
what is not 2-d, or holds NaN, is refused with a ``ValueError``.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import normalize_score_map, quantize_score_map


def frame_levels(levels: np.ndarray) -> np.ndarray:
    """Put one pixel of level 0 on every side of (h, w) uint8 levels."""
    return cv2.copyMakeBorder(levels, 1, 1, 1, 1, cv2.BORDER_CONSTANT)


def _plain(score_map: ArrayLike) -> tuple[np.ndarray, bool]:
    """A map as contiguous float64, and whether it has pixels in a plane."""
    values = np.asarray(score_map, dtype=np.float64, order='C')
    return values, values.ndim == 2 and values.size > 0


def raw_levels(score_map: ArrayLike) -> np.ndarray:
    """Grey levels of a score map of any range, stretched to 0 to 255.

    Args:
        score_map (ArrayLike): (h, w) numbers.

    Returns:
        np.ndarray: (h + 2, w + 2) uint8, framed; zeros where the map is
        constant.

    Raises:
        ValueError: If it is not 2-d, or holds NaN or infinity.
    """
    from .grey_level_loops import raw_levels_of

    values, plain = _plain(score_map)
    if plain:
        framed, bad = raw_levels_of(values)
        if not bad:
            return framed
    return frame_levels(quantize_score_map(normalize_score_map(values)))


def unit_levels(score_map: ArrayLike) -> np.ndarray:
    """Grey levels of a score map in [0, 1], ``uint8(255 * map)``.

    Args:
        score_map (ArrayLike): (h, w) numbers in [0, 1].

    Returns:
        np.ndarray: (h + 2, w + 2) uint8, framed.

    Raises:
        ValueError: If it is not 2-d, holds NaN, or leaves [0, 1].
    """
    from .grey_level_loops import unit_levels_of

    values, plain = _plain(score_map)
    if plain:
        framed, bad = unit_levels_of(values)
        if not bad:
            return framed
    return frame_levels(quantize_score_map(values))
