# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Six-way breakdown of localization errors, after TS-CAM's evaluation."""

import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import coverage_inclusive, iou_inclusive

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
    ious = iou_inclusive(boxes, gt_boxes)
    of_gt = coverage_inclusive(gt_boxes, boxes).T
    of_box = coverage_inclusive(boxes, gt_boxes)
    rows = np.arange(len(ious))
    best = ious.argmax(axis=1)
    return np.select(
        [
            ious.max(axis=1) > 0.5,
            (of_gt > 0.3).sum(axis=1) > 1,
            of_box[rows, best] > 0.5,
            of_gt[rows, best] >= 0.7,
        ],
        [ERROR_KINDS.index(k) for k in ('right', *ERROR_KINDS[2:5])],
        ERROR_KINDS.index('wrong'),
    ).astype(np.uint8)
