# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes of the contours of a grey-level map at many cuts, compiled.

The contours that ``cv2.findContours`` finds (``RETR_TREE``) at a cut are the
outer borders of the 8-connected components of ``levels > cut`` and the
borders of their holes, the 4-connected components of the rest that do not
reach the frame. Outer borders have the box of their component; the border of
a hole runs on the pixels around it, so its box is one pixel larger on every
side. Nothing but boxes and, where needed, the area of an outer border is
computed; contours are never stored.

One function is the door, :func:`boxes_at_falling_cuts`. Behind it, maps are
padded with one pixel of level 0 on every side, and boxes are inclusive and in
padded coordinates. Rows become hills (``hills``), hills a forest of
components (``hill_forest``), whose extents a sweep follows
(``component_sweep``); ``largest`` and ``nesting`` choose and order.

Compiled with Numba at first use, then cached on disk.
"""

import cv2
import numpy as np

from .largest import largest_contours
from .nesting import all_contours

__all__ = ['boxes_at_falling_cuts']


def boxes_at_falling_cuts(
    levels: np.ndarray, cuts: np.ndarray, contours: str
) -> tuple[np.ndarray, np.ndarray]:
    """Bounding rectangles of the contours of ``levels > cut``.

    Args:
        levels (np.ndarray): (h, w) uint8.
        cuts (np.ndarray): (n,) int64, falling, in [0, 255].
        contours (str): ``'largest'``, the one with the largest area at each
            cut, the first of several in OpenCV's order; or ``'all'``, holes
            included, in OpenCV's order.

    Returns:
        tuple: (m, 4) int64 half-open ``x0, y0, x1, y1``, and (n + 1,) int64
        rising: the boxes of cut i are ``boxes[offsets[i]:offsets[i + 1]]``.
    """
    padded = cv2.copyMakeBorder(levels, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    turned = cv2.transpose(padded)
    find = largest_contours if contours == 'largest' else all_contours
    return find(padded, turned, cuts)
