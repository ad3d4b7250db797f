# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The loop of :mod:`.error_breakdown`, compiled."""

import numpy as np

from projects.scm.utils.compiling import njit

from .error_breakdown import ERROR_KINDS
from .threshold_box_loops import overlap

RIGHT, MULTI_INSTANCE, PART, MORE, WRONG = map(
    ERROR_KINDS.index, ('right', 'multi_instance', 'part', 'more', 'wrong')
)


@njit(cache=True, nogil=True)
def kinds_of(boxes: np.ndarray, gt_boxes: np.ndarray) -> np.ndarray:
    """(n,) uint8, the kind of each of (n, 4) boxes, as inclusive ones."""
    kinds = np.empty(boxes.shape[0], np.uint8)
    for j in range(boxes.shape[0]):
        best, of_box, of_gt, covered = -1.0, 0.0, 0.0, 0
        for k in range(gt_boxes.shape[0]):
            shared, box_area, gt_area = overlap(boxes[j], gt_boxes[k])
            union = box_area + gt_area - shared
            iou = shared / union if union > 0 else 0.0
            share = shared / gt_area if gt_area > 0 else 0.0
            covered += share > 0.3
            if iou > best:
                best, of_gt = iou, share
                of_box = shared / box_area if box_area > 0 else 0.0
        if best > 0.5:
            kinds[j] = RIGHT
        elif covered > 1:
            kinds[j] = MULTI_INSTANCE
        elif of_box > 0.5:
            kinds[j] = PART
        elif of_gt >= 0.7:
            kinds[j] = MORE
        else:
            kinds[j] = WRONG
    return kinds
