# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The loops of :mod:`.threshold_boxes`, compiled.

Imported when the first map comes: the compiler takes a while to load.
"""

import numpy as np

from projects.scm.utils.compiling import njit


@njit(cache=True, nogil=True)
def finished(
    boxes: np.ndarray,
    offsets: np.ndarray,
    last_xy: tuple[int, int],
    empty_box: tuple[int, int, int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes with limited far corners, and a box where there is none."""
    cuts = offsets.size - 1
    places = np.zeros(cuts + 1, np.int64)
    for i in range(cuts):
        places[i + 1] = places[i] + max(offsets[i + 1] - offsets[i], 1)
    result = np.empty((places[cuts], 4), np.int64)
    for i in range(cuts):
        begin, end = offsets[i], offsets[i + 1]
        if begin == end:
            for k in range(4):
                result[places[i], k] = empty_box[k]
        for j in range(begin, end):
            box, source = result[places[i] + j - begin], boxes[j]
            box[0], box[1] = source[0], source[1]
            box[2], box[3] = (
                min(source[2], last_xy[0]),
                min(source[3], last_xy[1]),
            )
    return result, places


@njit(cache=True, nogil=True)
def overlap(box: np.ndarray, gt_box: np.ndarray) -> tuple[float, float, float]:
    """Pixels that inclusive boxes share, those of the first, of the second."""
    x0, y0 = float(box[0]), float(box[1])
    x1, y1 = float(box[2]), float(box[3])
    a, b, c, d = gt_box
    shared = max(min(x1, c) - max(x0, a) + 1, 0.0) * max(
        min(y1, d) - max(y0, b) + 1, 0.0
    )
    return (
        shared,
        max(x1 - x0 + 1, 0.0) * max(y1 - y0 + 1, 0.0),
        max(c - a + 1, 0.0) * max(d - b + 1, 0.0),
    )


@njit(cache=True, nogil=True)
def best_ious(
    boxes: np.ndarray, offsets: np.ndarray, gt_boxes: np.ndarray
) -> np.ndarray:
    """Best of ``iou_inclusive(boxes, gt_boxes)`` at every cut."""
    best = np.zeros(offsets.size - 1, np.float64)
    for i in range(offsets.size - 1):
        for j in range(offsets[i], offsets[i + 1]):
            for k in range(gt_boxes.shape[0]):
                shared, of_box, of_gt = overlap(boxes[j], gt_boxes[k])
                union = of_box + of_gt - shared
                if union > 0:
                    best[i] = max(best[i], shared / union)
    return best
