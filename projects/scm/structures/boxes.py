# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Box arithmetic on NumPy arrays; every function names its convention.

Boxes are ``(n, 4)`` arrays ``x0, y0, x1, y1`` unless a name says ``xywh``.
Two readings of ``x1, y1`` are in use and give different overlaps:

- *inclusive*: the index of the last pixel, so a side is ``x1 - x0 + 1``. All
  weakly supervised localization protocols measure overlaps this way.
- *half-open*: the edge behind the last pixel, so a side is ``x1 - x0``.
  Detection metrics (mmdet, COCO) measure overlaps this way.

There is no overlap function without the convention in its name.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def as_boxes(boxes: ArrayLike, name: str = 'boxes') -> np.ndarray:
    """Return ``boxes`` as float64 of shape (n, 4), or say why not."""
    array = np.asarray(boxes, dtype=np.float64)
    if array.size == 0 and array.ndim <= 2:
        return array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(
            f'{name}: expected an array of shape (n, 4), got {array.shape}'
        )
    return array


def as_size(size_wh: Sequence[float], name: str) -> tuple[float, float]:
    """Return a (width, height) of two positive numbers, or say why not."""
    values = np.asarray(size_wh, dtype=np.float64)
    if values.shape != (2,) or not (values > 0).all():
        raise ValueError(
            f'{name}: expected (width, height), both positive, got {size_wh}'
        )
    return float(values[0]), float(values[1])


def _pairwise(
    boxes_a: ArrayLike, boxes_b: ArrayLike, extra: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intersections (n, m) and areas (n,), (m,); ``extra`` is added to sides.

    A box whose far corner lies before its near corner has no overlap with
    anything; its area is counted as zero.
    """
    boxes_a, boxes_b = as_boxes(boxes_a), as_boxes(boxes_b)
    low = np.maximum(boxes_a[:, None, :2], boxes_b[None, :, :2])
    high = np.minimum(boxes_a[:, None, 2:], boxes_b[None, :, 2:])
    inter = np.maximum(high - low + extra, 0).prod(axis=2)
    areas = [
        np.maximum(boxes[:, 2:] - boxes[:, :2] + extra, 0).prod(axis=1)
        for boxes in (boxes_a, boxes_b)
    ]
    return inter, areas[0], areas[1]


def _iou(boxes_a: ArrayLike, boxes_b: ArrayLike, extra: float) -> np.ndarray:
    inter, area_a, area_b = _pairwise(boxes_a, boxes_b, extra)
    union = area_a[:, None] + area_b[None, :] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def iou_inclusive(boxes_a: ArrayLike, boxes_b: ArrayLike) -> np.ndarray:
    """Pairwise IoU of inclusive pixel boxes (``+1`` on every side).

    The convention of wsolevaluation, TS-CAM and SCM: the box ``0, 0, 0, 0``
    covers one pixel.

    Args:
        boxes_a (ArrayLike): (n, 4), inclusive ``x0, y0, x1, y1``.
        boxes_b (ArrayLike): (m, 4), inclusive ``x0, y0, x1, y1``.

    Returns:
        np.ndarray: (n, m) float64 in [0, 1].
    """
    return _iou(boxes_a, boxes_b, extra=1.0)


def iou_half_open(boxes_a: ArrayLike, boxes_b: ArrayLike) -> np.ndarray:
    """Pairwise IoU of half-open boxes (sides ``x1 - x0``).

    The convention of mmdet and COCO: the box ``0, 0, 0, 0`` is empty and
    overlaps nothing, itself included.

    Args:
        boxes_a (ArrayLike): (n, 4), half-open ``x0, y0, x1, y1``.
        boxes_b (ArrayLike): (m, 4), half-open ``x0, y0, x1, y1``.

    Returns:
        np.ndarray: (n, m) float64 in [0, 1].
    """
    return _iou(boxes_a, boxes_b, extra=0.0)


def coverage_inclusive(boxes_a: ArrayLike, boxes_b: ArrayLike) -> np.ndarray:
    """Share of every box of ``boxes_a`` that lies in each of ``boxes_b``.

    Args:
        boxes_a (ArrayLike): (n, 4), inclusive ``x0, y0, x1, y1``.
        boxes_b (ArrayLike): (m, 4), inclusive ``x0, y0, x1, y1``.

    Returns:
        np.ndarray: (n, m) float64 in [0, 1], intersection / area of a.
    """
    inter, area_a, _ = _pairwise(boxes_a, boxes_b, extra=1.0)
    area = np.broadcast_to(area_a[:, None], inter.shape)
    return np.divide(inter, area, out=np.zeros_like(inter), where=area > 0)


def xywh_to_xyxy(boxes_xywh: ArrayLike) -> np.ndarray:
    """Turn ``x, y, width, height`` into half-open ``x0, y0, x1, y1``.

    Args:
        boxes_xywh (ArrayLike): (n, 4) boxes, as in ``bounding_boxes.txt`` of
            CUB-200-2011 or in COCO files.

    Returns:
        np.ndarray: (n, 4) float64.
    """
    boxes = as_boxes(boxes_xywh)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def xyxy_to_xywh(boxes_xyxy: ArrayLike) -> np.ndarray:
    """Turn half-open ``x0, y0, x1, y1`` into ``x, y, width, height``.

    Args:
        boxes_xyxy (ArrayLike): (n, 4) boxes.

    Returns:
        np.ndarray: (n, 4) float64.
    """
    boxes = as_boxes(boxes_xyxy)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def boxes_to_frame(
    boxes_xyxy: ArrayLike,
    image_size_wh: Sequence[float],
    frame_size_wh: Sequence[float] = (224, 224),
) -> np.ndarray:
    """Move annotated boxes from image pixels to whole pixels of a frame.

    Every number is ``int(x * frame / image)``, evaluated in this order in
    float64, as wsolevaluation and TS-CAM do.

    Args:
        boxes_xyxy (ArrayLike): (n, 4) boxes in pixels of the image.
        image_size_wh (Sequence[float]): Width and height of the image.
        frame_size_wh (Sequence[float]): Width and height of the frame.
            Defaults to (224, 224).

    Returns:
        np.ndarray: (n, 4) int64.
    """
    boxes = as_boxes(boxes_xyxy)
    image = np.array(as_size(image_size_wh, 'image_size_wh') * 2)
    frame = np.array(as_size(frame_size_wh, 'frame_size_wh') * 2)
    return np.trunc(boxes * frame / image).astype(np.int64)


def scale_boxes(
    boxes_xyxy: ArrayLike,
    from_size_wh: Sequence[float],
    to_size_wh: Sequence[float],
) -> np.ndarray:
    """Scale boxes between two frames without rounding.

    Args:
        boxes_xyxy (ArrayLike): (n, 4) half-open boxes in the first frame.
        from_size_wh (Sequence[float]): Width and height of the first frame.
        to_size_wh (Sequence[float]): Width and height of the second frame.

    Returns:
        np.ndarray: (n, 4) float64.
    """
    boxes = as_boxes(boxes_xyxy)
    source = np.array(as_size(from_size_wh, 'from_size_wh') * 2)
    target = np.array(as_size(to_size_wh, 'to_size_wh') * 2)
    return boxes * target / source
