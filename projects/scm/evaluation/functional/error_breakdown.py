# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Six-way breakdown of localization errors, after TS-CAM's evaluation."""

import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures.boxes import as_boxes

# The code of an image is the index of its kind.
ERROR_KINDS = ('right', 'cls', 'multi_instance', 'part', 'more', 'wrong')


def classify_boxes(boxes: ArrayLike, gt_boxes: ArrayLike) -> np.ndarray:
    """Sort boxes of the predicted class into kinds; the first that fits.

    - right: IoU with a ground truth box > 0.5;
    - multi_instance: covers more than 0.3 of more than one of them;
    - part: more than half of the box lies in the best ground truth box;
    - more: at least 0.7 of the best ground truth box lies in the box;
    - wrong: none of these.

    The best ground truth box has the highest IoU, the first of several.
    Whether the class is right (``'cls'``) comes before all of these and is
    up to the caller.

    Args:
        boxes (ArrayLike): (n, 4) inclusive ``x0, y0, x1, y1``.
        gt_boxes (ArrayLike): (m, 4) inclusive, in the same frame, m ≥ 1.

    Returns:
        np.ndarray: (n,) uint8, indices into :data:`ERROR_KINDS`.
    """
    from .error_breakdown_loops import kinds_of

    return kinds_of(as_boxes(boxes), as_boxes(gt_boxes))
