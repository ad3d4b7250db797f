# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes of a picture that was shown at another size, or turned.

Annotation files tell the size of the picture that the annotator saw. Where it
differs from that of the file, boxes belong elsewhere than their numbers say.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .boxes import as_boxes, as_size, scale_boxes

#: EXIF orientations that swap width and height.
_SWAPPED = (5, 6, 7, 8)

#: EXIF orientation -> how stored pixels get upright: whether x and y are
#: exchanged first, then whether x and y are mirrored.
_TURNS = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


class FrameChange(NamedTuple):
    """How boxes get from the picture that was shown to the one at hand.

    Attributes:
        turn: Whether the picture was shown in its other orientation.
        scale: Whether it was shown at another size.
    """

    turn: bool
    scale: bool


class FrameError(ValueError):
    """The annotated size of a picture is not that of the picture."""


def find_frame_change(
    annotated_wh: Sequence[int],
    image_wh: Sequence[int],
    turnable: bool = False,
) -> FrameChange | None:
    """Compare the annotated size of a picture with its own.

    Args:
        annotated_wh: Width and height that the annotation tells.
        image_wh: Width and height of the picture.
        turnable: Whether an EXIF tag of the picture turns it by a quarter, so
            that it may have been shown with its sides exchanged.

    Returns:
        FrameChange, optional: None if no factor, the same for both sides
        within a pixel of rounding, explains the difference.
    """
    if _one_factor(annotated_wh, image_wh):
        return FrameChange(False, tuple(annotated_wh) != tuple(image_wh))
    swapped = tuple(image_wh[::-1])
    if turnable and _one_factor(annotated_wh, swapped):
        return FrameChange(True, tuple(annotated_wh) != swapped)
    return None


def _one_factor(first: Sequence[int], second: Sequence[int]) -> bool:
    """Whether one picture is the other, made smaller by one factor."""
    if tuple(first) == tuple(second):
        return True
    small, large = sorted((first, second), key=lambda wh: wh[0] * wh[1])
    lowest = max((s - 1) / side for s, side in zip(small, large, strict=True))
    highest = min((s + 1) / side for s, side in zip(small, large, strict=True))
    return lowest <= highest


def fit_frame(
    boxes_xyxy: ArrayLike,
    annotated_wh: Sequence[int],
    image_wh: Sequence[int],
    *,
    orientation: int = 1,
    upright: bool = False,
    name: str,
) -> tuple[np.ndarray, FrameChange]:
    """Move boxes from the picture that was shown to the picture at hand.

    Args:
        boxes_xyxy: (n, 4) ``x0, y0, x1, y1`` in the picture that was shown.
        annotated_wh: Its width and height.
        image_wh: Width and height of the picture at hand.
        orientation: EXIF orientation of the file, 1 to 8. Defaults to 1.
        upright: Whether the picture at hand has been turned by that tag;
            otherwise its pixels are as they are stored. Defaults to False.
        name: The image, for messages.

    Returns:
        tuple[np.ndarray, FrameChange]: (n, 4) float64, and what was done.

    Raises:
        FrameError: If the sizes do not belong together; the message names
            the image and both.
    """
    boxes = as_boxes(boxes_xyxy, name)
    shown, own = (
        tuple(int(side) for side in as_size(size, name))
        for size in (annotated_wh, image_wh)
    )
    turnable = orientation in _SWAPPED
    change = find_frame_change(shown, own, turnable)
    if change is None:
        raise FrameError(
            f'{name}: the image has {own[0]}x{own[1]} pixels, but its boxes '
            f'were annotated in {shown[0]}x{shown[1]} pixels: expected the '
            'size of the image, or one factor for both sides'
        )
    if change.turn:
        turn = turn_boxes if upright else turn_boxes_back
        boxes = turn(boxes, shown, orientation)
        shown = shown[::-1]
    if change.scale:
        boxes = scale_boxes(boxes, shown, own)
    return boxes, change


def turn_boxes(
    boxes_xyxy: ArrayLike, stored_wh: Sequence[float], orientation: int
) -> np.ndarray:
    """Turn boxes as an EXIF orientation turns the stored pixels upright.

    Args:
        boxes_xyxy: (n, 4) half-open boxes in the stored picture.
        stored_wh: Its width and height.
        orientation: 1 to 8.

    Returns:
        np.ndarray: (n, 4) float64, in the upright picture.
    """
    swap, *mirrored = _TURNS[orientation]
    boxes, size = as_boxes(boxes_xyxy).copy(), tuple(stored_wh)
    if swap:
        boxes, size = boxes[:, [1, 0, 3, 2]], size[::-1]
    for axis in np.flatnonzero(mirrored):
        boxes[:, [axis, axis + 2]] = size[axis] - boxes[:, [axis + 2, axis]]
    return boxes


def turn_boxes_back(
    boxes_xyxy: ArrayLike, upright_wh: Sequence[float], orientation: int
) -> np.ndarray:
    """Turn boxes of the upright picture to the stored pixels.

    Args:
        boxes_xyxy: (n, 4) half-open boxes in the upright picture.
        upright_wh: Its width and height.
        orientation: 1 to 8.

    Returns:
        np.ndarray: (n, 4) float64, in the stored picture.
    """
    # But for the plain quarter turns, each undoes itself.
    back = {6: 8, 8: 6}.get(orientation, orientation)
    return turn_boxes(boxes_xyxy, upright_wh, back)
