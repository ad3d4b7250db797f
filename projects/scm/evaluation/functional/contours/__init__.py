# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes of the contours of a grey-level map at many cuts, compiled.

The contours that ``cv2.findContours`` finds (``RETR_TREE``) at a cut are the
outer borders of the 8-connected components of ``levels > cut`` and the
borders of their holes, the 4-connected components of the rest that do not
reach the frame. Outer borders have the box of their component; the border of
a hole runs on the pixels around it, so its box is one pixel larger on every
side. Nothing but boxes and, where needed, the area of an outer border is
computed; contours are never stored.

``searching`` does all of a search in one compiled call, for one kind of
contours or for both. Maps come *framed*, with one pixel of level 0 on every
side; behind ``searching``, boxes are inclusive and in framed coordinates.
``terrain`` is what does not depend on the cuts. Rows become hills
(``hills``), hills a forest of components (``hill_forest``), whose extents a
sweep follows (``component_sweep``); ``largest`` and ``nesting`` choose and
order.

Compiled with Numba at first use, then cached on disk; Numba itself is loaded
with the first map, because it takes a while and prediction does without.
"""
