# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What a map does by itself: how sharp it is, and where its mass lies.

Maps are (h, w) numbers of any range, the smallest of which counts as 0. Boxes
of an object are (m, 4) half-open ``x0, y0, x1, y1`` in pixels of the frame,
``frame_wh``.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import (
    check_score_map,
    normalize_score_map,
    resize_score_map,
)
from projects.scm.structures.boxes import iou_half_open

from .label_criteria import map_boxes


def relative_entropy(score_map: ArrayLike) -> float:
    """Entropy of a map as a distribution, as a share of the largest there is.

    Args:
        score_map (ArrayLike): (h, w) numbers of any range; the smallest
            counts as 0.

    Returns:
        float: 1 for a flat map, 0 for a single peak.
    """
    mass = check_score_map(score_map).ravel()
    mass = mass - mass.min()
    if mass.size < 2 or mass.sum() == 0:
        return 1.0
    mass = mass[mass > 0] / mass.sum()
    size = np.asarray(score_map).size
    return float(-(mass * np.log(mass)).sum() / np.log(size))


def share_inside(
    score_map: ArrayLike,
    boxes: ArrayLike,
    frame_wh: Sequence[int] = (224, 224),
) -> float:
    """How much of the mass of a map lies in the boxes of an object.

    Args:
        score_map (ArrayLike): (h, w) numbers of any range; the smallest
            counts as 0.
        boxes (ArrayLike): (m, 4) half-open ``x0, y0, x1, y1`` in the frame.
        frame_wh (Sequence[int]): Width and height of the frame. Defaults to
            (224, 224).

    Returns:
        float: In [0, 1]; 0 for a flat map.
    """
    resized = normalize_score_map(resize_score_map(score_map, frame_wh))
    inside = np.zeros(resized.shape, bool)
    for x0, y0, x1, y1 in np.asarray(boxes, float).round().astype(int):
        inside[y0:y1, x0:x1] = True
    total = resized.sum()
    return float(resized[inside].sum() / total) if total else 0.0


def best_ious(
    score_map: ArrayLike,
    boxes: ArrayLike,
    thresholds: ArrayLike,
    frame_wh: Sequence[int] = (224, 224),
) -> np.ndarray:
    """IoU of a map's box with the nearest box of an object.

    Args:
        score_map (ArrayLike): (h, w) numbers of any range.
        boxes (ArrayLike): (m, 4) half-open ``x0, y0, x1, y1`` in the frame.
        thresholds (ArrayLike): (T,) in [0, 1].
        frame_wh (Sequence[int]): Width and height of the frame. Defaults to
            (224, 224).

    Returns:
        np.ndarray: (T,) in [0, 1].
    """
    found = map_boxes(score_map, thresholds, frame_wh)
    return iou_half_open(found, np.asarray(boxes, float)).max(1)
