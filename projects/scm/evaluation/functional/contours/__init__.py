# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes of the contours of a grey-level map at many cuts, compiled.

The contours that ``cv2.findContours`` finds (``RETR_TREE``) at a cut are the
outer borders of the 8-connected components of ``levels > cut`` and the
borders of their holes, the 4-connected components of the rest that do not
reach the frame. Outer borders have the box of their component; the border of
a hole runs on the pixels around it, so its box is one pixel larger on every
side. Nothing but boxes and, where needed, the area of an outer border is
computed; contours are never stored.

:func:`survey` does what does not depend on the contours that are wanted, once
for a map; :func:`boxes_at_falling_cuts` finds them. Behind these two, maps are
padded with one pixel of level 0 on every side, and boxes are inclusive and in
padded coordinates. Rows become hills (``hills``), hills a forest of
components (``hill_forest``), whose extents a sweep follows
(``component_sweep``); ``largest`` and ``nesting`` choose and order.

Compiled with Numba at first use, then cached on disk; Numba itself is loaded
with the first map, because it takes a while and prediction does without.
"""

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from .terrain import Terrain

__all__ = ['boxes_at_falling_cuts', 'survey']


def _padded(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """With a frame of zeros, and that transposed, both contiguous."""
    padded = cv2.copyMakeBorder(levels, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return padded, cv2.transpose(padded)


def survey(levels: np.ndarray) -> 'Terrain':
    """Find the hills of a map and how they are joined, whatever the cuts.

    Args:
        levels (np.ndarray): (h, w) uint8.

    Returns:
        Terrain: Of the map with one pixel of level 0 on every side.
    """
    from .terrain import survey_padded

    return survey_padded(*_padded(levels))


def boxes_at_falling_cuts(
    levels: 'np.ndarray | Terrain', cuts: np.ndarray, contours: str
) -> tuple[np.ndarray, np.ndarray]:
    """Bounding rectangles of the contours of ``levels > cut``.

    Args:
        levels (np.ndarray | Terrain): (h, w) uint8, or what :func:`survey`
            has made of them. A terrain has so many arrays that handing it to
            Python and back costs as much as a part of the search: where a
            map is searched once, its levels are faster.
        cuts (np.ndarray): (n,) int64, falling, in [0, 255].
        contours (str): ``'largest'``, the one with the largest area at each
            cut, the first of several in OpenCV's order; or ``'all'``, holes
            included, in OpenCV's order.

    Returns:
        tuple: (m, 4) int64 half-open ``x0, y0, x1, y1``, and (n + 1,) int64
        rising: the boxes of cut i are ``boxes[offsets[i]:offsets[i + 1]]``.
    """
    if contours == 'largest':
        from .largest import largest_contours, largest_contours_of

        find, find_in = largest_contours, largest_contours_of
    else:
        from .nesting import all_contours, all_contours_of

        find, find_in = all_contours, all_contours_of
    if isinstance(levels, np.ndarray):
        return find_in(*_padded(levels), cuts)
    return find(levels, cuts)
