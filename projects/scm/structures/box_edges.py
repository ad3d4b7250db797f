# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What becomes of annotated boxes that do not lie in their image.

The one place that decides it, for every reader and for the evaluation: a box
over the edge is cut there, and whoever asks can count it; a box that cannot
be meant is refused.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .boxes import as_boxes, as_size


class FittedBoxes(NamedTuple):
    """Annotated boxes, inside their image.

    Attributes:
        boxes: (n, 4) float64, ``x0, y0, x1, y1``.
        leaves: (n,) bool, whether the box left its image and was cut.
    """

    boxes: np.ndarray
    leaves: np.ndarray


class BoxError(ValueError):
    """Boxes of an image cannot be meant.

    Attributes:
        problems (dict[int, str]): What is wrong with which box, the box
            itself included.
    """

    def __init__(
        self, message: str, problems: Mapping[int, str] | None = None
    ) -> None:
        super().__init__(message)
        self.problems = dict(problems or {})


def fit_boxes(
    boxes_xyxy: ArrayLike,
    image_size_wh: Sequence[float] | None = None,
    *,
    name: str,
    last_pixel: bool = False,
) -> FittedBoxes:
    """Cut annotated boxes at the edges of their image, or say what is wrong.

    Args:
        boxes_xyxy (ArrayLike): (n, 4) ``x0, y0, x1, y1`` in pixels of the
            image; at least one.
        image_size_wh (Sequence[float], optional): Width and height of the
            image. Defaults to None: nothing is cut.
        name (str): The image, for messages.
        last_pixel (bool): Whether the far corner is at most the last pixel,
            ``width - 1``, as in the lists that wsolevaluation made of the
            boxes of CUB-200-2011, instead of ``width``. Boxes that end
            between the two are moved and do not count as leaving the image.
            Defaults to False.

    Returns:
        FittedBoxes: Boxes, and which of them were cut.

    Raises:
        BoxError: If a box is not finite, has no area or none within the
            image, has its corners in the wrong order, is given in shares of
            the image, or lies outside. The message names the image and all
            such boxes.
        ValueError: If there is no box, or one is not four numbers.
    """
    boxes = as_boxes(boxes_xyxy, name)
    if len(boxes) == 0:
        raise ValueError(f'{name}: no ground truth box')
    size = None
    if image_size_wh is not None:
        size = as_size(image_size_wh, 'image_size_wh')
    problems = {
        index: f'{box} {problem}'
        for index, box in enumerate(boxes.tolist())
        if (problem := box_problem(box, size, last_pixel))
    }
    if problems:
        message = '; '.join(f'box {i} {text}' for i, text in problems.items())
        raise BoxError(f'{name}: {message}', problems)
    if size is None:
        return FittedBoxes(boxes, np.zeros(len(boxes), bool))
    far = np.array(size)
    leaves = ((boxes[:, :2] < 0) | (boxes[:, 2:] > far)).any(axis=1)
    limits = np.array(size * 2) - last_pixel
    return FittedBoxes(np.minimum(np.maximum(boxes, 0), limits), leaves)


def box_problem(
    box: Sequence[float],
    size_wh: tuple[float, float] | None,
    last_pixel: bool = False,
) -> str | None:
    """Say in words why a box cannot be meant, or None.

    Args:
        box: Four numbers, ``x0, y0, x1, y1``.
        size_wh: Width and height of the image, where they are known.
        last_pixel: See :func:`fit_boxes`.

    Returns:
        str, optional: What is wrong and what was expected, to be put behind
        the box.
    """
    if not all(map(math.isfinite, box)):
        return 'is not finite'
    x0, y0, x1, y1 = box
    if x1 < x0 or y1 < y0:
        return (
            'has its second corner before the first: expected x0, y0, x1, '
            'y1, is it x, y, width, height?'
        )
    if x1 == x0 or y1 == y0:
        return 'has no area'
    if min(x0, y0) >= 0 and max(x1, y1) <= 1:
        return (
            'lies within one pixel: expected pixels of the original image, '
            'are these shares of its sides, 0 to 1?'
        )
    if size_wh is None:
        if min(x1, y1) <= 0:
            return 'lies outside its image: all of it is left of or above 0'
        return None
    width, height = size_wh
    if min(x1, y1) <= 0 or x0 >= width or y0 >= height:
        return (
            f'lies outside its image of {width:g}x{height:g} pixels: expected '
            'x0, y0, x1, y1 in pixels of the original image'
        )
    if last_pixel and (x0 >= width - 1 or y0 >= height - 1):
        return (
            f'has no area left in its image of {width:g}x{height:g} pixels, '
            'whose last pixel it begins in: expected x0, y0, x1, y1 in pixels '
            'of the original image'
        )
    return None
