# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Score maps: normalising, resizing, binarising, and the boxes they give.

A score map is a 2-d array of finite numbers of any range, one number a
position, larger where the object is believed to be. All steps work in
float64 and follow the evaluation of wsolevaluation and SCM.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from .boxes import scale_boxes

INTERPOLATIONS = {
    'bilinear': cv2.INTER_LINEAR,
    'bicubic': cv2.INTER_CUBIC,
}
CONTOURS = ('largest', 'all')
#: Instead of a threshold: Otsu's, of each map.
OTSU = 'otsu'


def check_box_cfg(
    box_cfg: Mapping[str, Any] | None, **defaults: Any
) -> dict[str, Any]:
    """Check how boxes shall be made of a score map, before anything runs.

    Args:
        box_cfg (Mapping, optional): ``threshold``, ``contours`` and
            ``interpolation`` of :func:`score_map_to_boxes`, or some of them.
        **defaults: What holds where it says nothing.

    Returns:
        dict: Of both.

    Raises:
        ValueError: If it is no mapping, or holds another key or a value out
            of its range.
    """
    allowed = {
        'threshold': f'a number in [0, 1] or {OTSU!r}',
        'contours': f'one of {CONTOURS}',
        'interpolation': f'one of {tuple(INTERPOLATIONS)}',
    }
    if not isinstance(box_cfg, Mapping | None):
        raise ValueError(
            f'box_cfg: expected a dict of {list(allowed)}, got {box_cfg!r}'
        )
    checked = {**defaults, **(box_cfg or {})}
    unknown = sorted(set(checked) - set(allowed), key=str)
    if unknown:
        raise ValueError(
            f'box_cfg: unknown keys {unknown}; there are {list(allowed)}'
        )
    for key, value in checked.items():
        if key == 'contours':
            fits = value in CONTOURS
        elif key == 'interpolation':
            fits = value in tuple(INTERPOLATIONS)
        else:
            number = isinstance(value, int | float)
            number = number and not isinstance(value, bool)
            fits = value == OTSU or (number and 0 <= value <= 1)
        if not fits:
            raise ValueError(
                f'box_cfg: {key}: expected {allowed[key]}, got {value!r}'
            )
    return checked


def check_score_map(score_map: ArrayLike) -> np.ndarray:
    """Return a score map as float64 after checking shape and values.

    Args:
        score_map (ArrayLike): (h, w) numbers.

    Returns:
        np.ndarray: (h, w) float64.

    Raises:
        ValueError: If it is not 2-d, is empty, or holds NaN or infinity.
    """
    array = np.asarray(score_map, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f'score map: expected shape (h, w), got {array.shape}'
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise ValueError(
            f'score map: {bad} of {array.size} values are NaN or infinite'
        )
    return array


def normalize_score_map(score_map: ArrayLike) -> np.ndarray:
    """Min-max a score map to [0, 1].

    Args:
        score_map (ArrayLike): (h, w) numbers of any range.

    Returns:
        np.ndarray: (h, w) float64 that attains 0 and 1; zeros where the map
        is constant.

    Raises:
        ValueError: See :func:`check_score_map`.
    """
    array = check_score_map(score_map)
    low, high = float(array.min()), float(array.max())
    if low == high:
        return np.zeros_like(array)
    if not np.isfinite(high - low):
        raise ValueError(f'score map: range {low:g} to {high:g} overflows')
    return (array - low) / (high - low)


def resize_score_map(
    score_map: ArrayLike,
    size_wh: Sequence[int],
    interpolation: str = 'bilinear',
) -> np.ndarray:
    """Resize a score map with OpenCV, in float64.

    Args:
        score_map (ArrayLike): (h, w) numbers.
        size_wh (Sequence[int]): Width and height of the result.
        interpolation (str): ``'bilinear'`` or ``'bicubic'``. The latter may
            overshoot the range of the input. Defaults to ``'bilinear'``.

    Returns:
        np.ndarray: (height, width) float64.

    Raises:
        ValueError: If the interpolation is unknown or the map is no map.
    """
    return resize_checked_map(
        check_score_map(score_map), size_wh, interpolation
    )


def resize_checked_map(
    score_map: np.ndarray, size_wh: Sequence[int], interpolation: str
) -> np.ndarray:
    """:func:`resize_score_map` of what :func:`check_score_map` returned."""
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f'interpolation: expected one of {sorted(INTERPOLATIONS)}, got '
            f'{interpolation!r}'
        )
    width, height = size_wh
    return cv2.resize(
        score_map,
        (int(width), int(height)),
        interpolation=INTERPOLATIONS[interpolation],
    )


def quantize_score_map(score_map: ArrayLike) -> np.ndarray:
    """Turn a score map in [0, 1] into grey levels, ``uint8(255 * map)``.

    Args:
        score_map (ArrayLike): (h, w) numbers in [0, 1], as
            :func:`normalize_score_map` gives them.

    Returns:
        np.ndarray: (h, w) uint8, fractions cut off.

    Raises:
        ValueError: If a value lies outside [0, 1], or the map is no map.
    """
    array = check_score_map(score_map)
    if array.min() < 0 or array.max() > 1:
        raise ValueError(
            'score map: expected values in [0, 1], got '
            f'{array.min():g} to {array.max():g}; normalise it first'
        )
    return (array * 255).astype(np.uint8)


def _map_levels(
    score_map: ArrayLike, frame_size_wh: Sequence[int], interpolation: str
) -> np.ndarray:
    """Grey levels of a raw score map in a frame."""
    resized = resize_score_map(score_map, frame_size_wh, interpolation)
    return quantize_score_map(normalize_score_map(resized))


def otsu_cut(levels: np.ndarray) -> int:
    """Otsu's threshold of a grey-level map.

    Args:
        levels (np.ndarray): (h, w) uint8.

    Returns:
        int: Level that foreground pixels exceed.
    """
    cut, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return int(cut)


def binarize_levels(levels: np.ndarray, threshold: float | str) -> np.ndarray:
    """Foreground of a grey-level map: ``levels > int(threshold * max)``.

    Args:
        levels (np.ndarray): (h, w) uint8, of :func:`quantize_score_map`.
        threshold (float | str): Share of the largest level, in [0, 1], or
            ``'otsu'``.

    Returns:
        np.ndarray: (h, w) bool.

    Raises:
        ValueError: If the threshold lies outside [0, 1].
    """
    if threshold == OTSU:
        return levels > otsu_cut(levels)
    if not 0 <= threshold <= 1:
        raise ValueError(f'threshold: expected 0 to 1, got {threshold}')
    return levels > int(threshold * levels.max())


def _find_contours(
    foreground: np.ndarray, contours: str
) -> Sequence[np.ndarray]:
    """Contours as OpenCV finds them, see :func:`contour_boxes`."""
    if contours not in CONTOURS:
        raise ValueError(
            f'contours: expected one of {CONTOURS}, got {contours!r}'
        )
    found = cv2.findContours(
        np.ascontiguousarray(foreground, dtype=np.uint8),
        cv2.RETR_TREE,
        cv2.CHAIN_APPROX_SIMPLE,
    )[-2]
    if contours == 'largest' and found:
        found = [max(found, key=cv2.contourArea)]
    return found


def contour_boxes(foreground: np.ndarray, contours: str) -> np.ndarray:
    """Boxes of the contours of a foreground (8-connected, holes included).

    Args:
        foreground (np.ndarray): (h, w) bool.
        contours (str): ``'largest'`` keeps the contour of the largest area
            (the first of them in OpenCV's order), ``'all'`` keeps all.

    Returns:
        np.ndarray: (n, 4) int64 half-open ``x0, y0, x1, y1``; n is 0 where
        there is no foreground.

    Raises:
        ValueError: If ``contours`` is neither of the two.
    """
    found = _find_contours(foreground, contours)
    boxes = np.array(
        [cv2.boundingRect(contour) for contour in found], dtype=np.int64
    ).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def score_map_to_boxes(
    score_map: ArrayLike,
    threshold: float | str,
    image_size_wh: Sequence[int],
    *,
    frame_size_wh: Sequence[int] = (224, 224),
    contours: str = 'largest',
    interpolation: str = 'bilinear',
) -> np.ndarray:
    """Find the boxes of a raw score map in pixels of its image.

    The map is resized to the frame, min-maxed, cut into grey levels and
    binarised; the boxes of its contours are scaled to the image.

    Args:
        score_map (ArrayLike): (h, w) raw scores.
        threshold (float | str): Share of the largest level, in [0, 1], or
            ``'otsu'``.
        image_size_wh (Sequence[int]): Width and height of the image.
        frame_size_wh (Sequence[int]): Where contours are found. Defaults to
            (224, 224).
        contours (str): ``'largest'`` or ``'all'``. Defaults to
            ``'largest'``.
        interpolation (str): ``'bilinear'`` or ``'bicubic'``. Defaults to
            ``'bilinear'``.

    Returns:
        np.ndarray: (n, 4) float64 half-open ``x0, y0, x1, y1``; n is 0 where
        the map is constant.

    Raises:
        ValueError: If an argument is out of its range or the map is no map.
    """
    levels = _map_levels(score_map, frame_size_wh, interpolation)
    boxes = contour_boxes(binarize_levels(levels, threshold), contours)
    return scale_boxes(boxes, frame_size_wh, image_size_wh)


def score_map_to_outlines(
    score_map: ArrayLike,
    threshold: float | str,
    image_size_wh: Sequence[int],
    *,
    frame_size_wh: Sequence[int] = (224, 224),
    contours: str = 'largest',
    interpolation: str = 'bilinear',
) -> list[list[np.ndarray]]:
    """Find the outlines of what :func:`score_map_to_boxes` finds boxes of.

    Every contour is filled in the frame, without its holes, brought to the
    size of the image (nearest neighbour) and outlined there.

    Args:
        score_map (ArrayLike): (h, w) raw scores.
        threshold (float | str): Share of the largest level, in [0, 1], or
            ``'otsu'``.
        image_size_wh (Sequence[int]): Width and height of the image.
        frame_size_wh (Sequence[int]): Where contours are found. Defaults to
            (224, 224).
        contours (str): ``'largest'`` or ``'all'``. Defaults to
            ``'largest'``.
        interpolation (str): ``'bilinear'`` or ``'bicubic'``. Defaults to
            ``'bilinear'``.

    Returns:
        list[list[np.ndarray]]: One entry a box, in the order of the boxes;
        each a list of polygons, (n, 2) int64 ``x, y`` of pixels of the
        image, at least three of them. The list is empty where the contour
        has no area in the image.

    Raises:
        ValueError: See :func:`score_map_to_boxes`.
    """
    levels = _map_levels(score_map, frame_size_wh, interpolation)
    foreground = binarize_levels(levels, threshold)
    width, height = (int(side) for side in image_size_wh)
    outlines = []
    for contour in _find_contours(foreground, contours):
        filled = np.zeros(foreground.shape, np.uint8)
        cv2.drawContours(filled, [contour], 0, 1, cv2.FILLED)
        filled = cv2.resize(
            filled, (width, height), interpolation=cv2.INTER_NEAREST
        )
        found = cv2.findContours(
            filled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
        )[-2]
        outlines.append(
            [
                polygon[:, 0].astype(np.int64)
                for polygon in found
                if len(polygon) > 2
            ]
        )
    return outlines
