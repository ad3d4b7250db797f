# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What boxes that ignore the image would score: floors for any method."""

from collections.abc import Sequence

import numpy as np

from projects.scm.structures import iou_inclusive


def centred_squares(frame_size_wh: Sequence[int]) -> np.ndarray:
    """Squares around the centre of a frame, each two pixels larger.

    Args:
        frame_size_wh (Sequence[int]): Width and height of the frame.

    Returns:
        np.ndarray: (n, 4) int64 inclusive ``x0, y0, x1, y1``, cut off at the
        frame, up to the one that covers it.
    """
    width, height = (int(side) for side in frame_size_wh)
    half = np.arange(1, max(width, height) // 2 + 1)
    squares = np.stack(
        [
            width // 2 - half,
            height // 2 - half,
            width // 2 + half,
            height // 2 + half,
        ],
        axis=1,
    )
    limit = np.array([width, height, width, height]) - 1
    return np.clip(squares, 0, limit)


def box_floors(
    gt_boxes: Sequence[np.ndarray],
    iou_thresholds: Sequence[float],
    frame_size_wh: Sequence[int] = (224, 224),
) -> dict[str, list[float]]:
    """Accuracy of the full-image box and of the best centred square.

    Classes play no role. The square is the best one of
    :func:`centred_squares`, for each IoU threshold on its own.

    Args:
        gt_boxes (Sequence[np.ndarray]): Of each image (m_i, 4) inclusive
            boxes in the frame.
        iou_thresholds (Sequence[float]): (d,) a hit has at least this IoU.
        frame_size_wh (Sequence[int]): Width and height of the frame.
            Defaults to (224, 224).

    Returns:
        dict: Lists of d: ``full_image`` and ``centred_square`` in percent,
        ``centred_square_side``, the side of that square.

    Raises:
        ValueError: If there is no image.
    """
    if len(gt_boxes) == 0:
        raise ValueError('no images: floors are not defined')
    squares = centred_squares(frame_size_wh)
    full = np.array([[0, 0, frame_size_wh[0] - 1, frame_size_wh[1] - 1]])
    candidates = np.concatenate([full, squares])
    counts = np.zeros((len(iou_thresholds), len(candidates)), np.int64)
    limits = np.asarray(iou_thresholds)[:, None]
    for boxes in gt_boxes:
        counts += iou_inclusive(candidates, boxes).max(axis=1) >= limits
    accuracy = counts * 100.0 / len(gt_boxes)
    best = accuracy[:, 1:].argmax(axis=1)
    return {
        'full_image': accuracy[:, 0].tolist(),
        'centred_square': accuracy[:, 1:].max(axis=1).tolist(),
        'centred_square_side': (2 * (best + 1) + 1).tolist(),
    }
