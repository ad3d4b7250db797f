# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pure drawing functions: heat maps, masks and boxes on RGB pictures.

NumPy, OpenCV and Pillow only. Every function takes a picture as uint8
``(H, W, 3)`` in **RGB** and returns a new one; nothing is drawn in place. Maps
are float ``(h, w)`` of any range and size; they are min-max normalised, and
constant ones get the lowest colour. Boxes are ``(M, 4)``,
``[x0, y0, x1, y1]`` in pixels of the picture they are drawn on; there is a tag
a box, and empty ones are left out. Opacity is 0 (the picture alone) to 1.

The colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/),
which people with any common colour vision tell apart; the heat map is
*inferno*, whose lightness rises evenly with the value.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from projects.scm.structures.score_maps import (
    normalize_score_map,
    resize_score_map,
)

#: Corners of a tag, ``x0, y0, x1, y1``, in pixels.
Plate = tuple[int, int, int, int]

GT_COLOR = (86, 180, 233)
"""Sky blue: boxes of the annotation."""
PRED_COLOR = (230, 159, 0)
"""Orange: boxes of the model."""
MASK_COLOR = (0, 158, 115)
"""Bluish green: the outline of a binary mask."""

MAX_ASPECT = 6
"""Largest width of a drawn picture, in its height."""

_INFERNO = cv2.applyColorMap(
    np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO
)[:, 0, ::-1]


def check_image(image: np.ndarray) -> None:
    """Raise unless ``image`` is an RGB picture as uint8 ``(H, W, 3)``."""
    if not isinstance(image, np.ndarray):
        raise TypeError(
            f'image: expected a NumPy array, got {type(image).__name__}'
        )
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            'image: expected uint8 (H, W, 3), got '
            f'{image.dtype} {tuple(image.shape)}'
        )


def line_width(size_hw: Sequence[int]) -> int:
    """Width of a line in pixels: 1 % of the shorter side, at least 1."""
    return max(1, round(min(size_hw[0], size_hw[1]) / 100))


def resize_to_height(image: np.ndarray, height: int) -> np.ndarray:
    """Resize a picture to ``height``, keeping its aspect.

    A picture that is very wide gets ``MAX_ASPECT * height`` wide and lower
    instead, so that no drawing takes more memory than a few pictures.

    Args:
        image (np.ndarray): uint8 ``(H, W, 3)``.
        height (int): Pixels.

    Returns:
        np.ndarray: uint8 ``(H', W', 3)``, ``H'`` at most ``height``.
    """
    check_image(image)
    old_h, old_w = image.shape[:2]
    scale = min(height / old_h, MAX_ASPECT * height / old_w)
    if scale == 1:
        return image
    size = (max(1, round(old_w * scale)), max(1, round(old_h * scale)))
    flag = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=flag)


@lru_cache(maxsize=16)
def load_font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib ships, at ``size`` pixels."""
    import matplotlib  # slow, and of use only where text is drawn

    path = Path(matplotlib.get_data_path()) / 'fonts' / 'ttf'
    return ImageFont.truetype(str(path / 'DejaVuSans.ttf'), size)


def colorize_map(score_map: np.ndarray) -> np.ndarray:
    """Colours of a map.

    Args:
        score_map (np.ndarray): Any range, float ``(h, w)``. It is min-max
            normalised; a constant map becomes the lowest colour.

    Returns:
        np.ndarray: uint8 ``(h, w, 3)``, RGB.
    """
    values = normalize_score_map(np.asarray(score_map))
    return _INFERNO[np.rint(values * 255).astype(np.uint8)]


def blend(
    image: np.ndarray, layer: np.ndarray, opacity: float | np.ndarray
) -> np.ndarray:
    """Lay ``layer`` over ``image``.

    Args:
        image (np.ndarray): uint8 ``(H, W, 3)``.
        layer (np.ndarray): uint8 ``(H, W, 3)`` or one colour ``(3,)``.
        opacity (float | np.ndarray): 0 (image alone) to 1 (layer alone); one
            number or one a pixel ``(H, W)``.

    Returns:
        np.ndarray: uint8 ``(H, W, 3)``.
    """
    check_image(image)
    opacity = np.asarray(opacity, dtype=np.float32)
    if opacity.size and not (opacity.min() >= 0 and opacity.max() <= 1):
        raise ValueError(
            'opacity: expected numbers in [0, 1], got '
            f'[{opacity.min():g}, {opacity.max():g}]'
        )
    if opacity.ndim == 2:
        opacity = opacity[..., None]
    mixed = image * (1 - opacity) + np.asarray(layer) * opacity
    return np.rint(mixed).astype(np.uint8)


def overlay_heatmap(
    image: np.ndarray, score_map: np.ndarray, opacity: float = 0.5
) -> np.ndarray:
    """Lay a map over a picture as a heat map.

    Args:
        image (np.ndarray): uint8 ``(H, W, 3)``, RGB.
        score_map (np.ndarray): Any range and size, float ``(h, w)``; it is
            resized to the picture (bilinear) and min-max normalised.
        opacity (float): 0 (picture alone) to 1 (heat map alone).
            Defaults to 0.5.

    Returns:
        np.ndarray: uint8 ``(H, W, 3)``.
    """
    check_image(image)
    score_map = np.asarray(score_map, dtype=np.float32)
    resized = resize_score_map(score_map, (image.shape[1], image.shape[0]))
    return blend(image, colorize_map(resized), opacity)


def draw_mask(
    image: np.ndarray,
    mask: np.ndarray,
    opacity: float = 0.65,
    color: Sequence[int] = MASK_COLOR,
) -> np.ndarray:
    """Darken what lies outside a mask and draw the mask's outline.

    Args:
        image (np.ndarray): uint8 ``(H, W, 3)``, RGB.
        mask (np.ndarray): ``(H, W)``; true or above zero is inside.
        opacity (float): How dark the outside gets, 0 to 1. Defaults to 0.65.
        color (Sequence[int]): RGB colour of the outline.

    Returns:
        np.ndarray: uint8 ``(H, W, 3)``.
    """
    check_image(image)
    mask = np.asarray(mask) > 0
    if mask.shape != image.shape[:2]:
        raise ValueError(
            f'mask: expected {image.shape[:2]} as the image, got {mask.shape}'
        )
    drawn = blend(image, np.zeros(3), np.where(mask, 0, opacity))
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
    )
    width = line_width(image.shape[:2])
    return cv2.drawContours(drawn, contours, -1, tuple(color), width)


def draw_boxes(
    image: np.ndarray,
    bboxes: np.ndarray,
    color: Sequence[int],
    labels: Sequence[str] | None = None,
    width: int | None = None,
    below: bool = False,
) -> np.ndarray:
    """Draw boxes with a dark rim, so that they are seen on any picture.

    Args:
        image (np.ndarray): uint8 ``(H, W, 3)``, RGB.
        bboxes (np.ndarray): ``(M, 4)``, ``[x0, y0, x1, y1]`` in pixels of
            ``image``; parts outside the picture are drawn at its border.
        color (Sequence[int]): RGB colour.
        labels (Sequence[str], optional): One tag a box; an empty one is left
            out. Defaults to None.
        width (int, optional): Line width in pixels. Defaults to None: 1 % of
            the shorter side.
        below (bool): Put the tags at the lower corners of the boxes, not at
            the upper ones, so that two kinds of boxes do not hide each
            other's tags. Defaults to False.

    Returns:
        np.ndarray: uint8 ``(H, W, 3)``.
    """
    check_image(image)
    bboxes = np.asarray(bboxes, dtype=np.float64).reshape(-1, 4)
    if not np.isfinite(bboxes).all():
        raise ValueError(f'bboxes: expected finite numbers, got {bboxes}')
    height, length = image.shape[:2]
    width = line_width((height, length)) if width is None else width
    rim = max(1, width // 2)
    limits = np.array([length, height, length, height]) - 1
    corners = np.clip(np.rint(bboxes), 0, limits).astype(int)

    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    for x0, y0, x1, y1 in corners:
        outer = (x0 - rim, y0 - rim, max(x0, x1) + rim, max(y0, y1) + rim)
        draw.rectangle(outer, outline=(0, 0, 0), width=width + 2 * rim)
        inner = (x0, y0, max(x0, x1), max(y0, y1))
        draw.rectangle(inner, outline=tuple(color), width=width)
    drawn = np.array(canvas)
    if labels is not None:
        drawn = draw_tags(drawn, bboxes, color, labels, below)
    return drawn


def draw_tags(
    image: np.ndarray,
    bboxes: np.ndarray,
    color: Sequence[int],
    labels: Sequence[str],
    below: bool = False,
) -> np.ndarray:
    """Write a tag at a corner of each box; what :func:`draw_boxes` ends with.

    A tag that would hide one before it goes beside it, downwards, or upwards
    with ``below``, if there is room. On its own it serves where several
    kinds of boxes are drawn, whose lines shall not cross the tags.

    Args:
        image (np.ndarray): uint8 ``(H, W, 3)``, RGB.
        bboxes (np.ndarray): ``(M, 4)``, ``[x0, y0, x1, y1]`` in pixels of
            ``image``.
        color (Sequence[int]): RGB colour of the plates.
        labels (Sequence[str]): One a box; an empty one is left out.
        below (bool): At the lower corner. Defaults to False.

    Returns:
        np.ndarray: uint8 ``(H, W, 3)``.
    """
    check_image(image)
    if len(labels) != len(bboxes):
        raise ValueError(
            f'labels: expected {len(bboxes)}, one a box, got {len(labels)}'
        )
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    corners = np.rint(np.asarray(bboxes, dtype=np.float64).reshape(-1, 4))
    plates: list[Plate] = []
    for corner, label in zip(corners.astype(int), labels, strict=True):
        if label:
            plates.append(_draw_tag(draw, corner, label, color, below, plates))
    return np.array(canvas)


def _draw_tag(
    draw: ImageDraw.ImageDraw,
    corner: np.ndarray,
    label: str,
    color: Sequence[int],
    below: bool,
    taken: Sequence[Plate],
) -> Plate:
    """Write ``label`` on a plate of ``color`` at a corner of a box."""
    length, height = draw.im.size
    size = max(9, round(min(height, length) / 22))
    pad = max(1, size // 5)
    font = load_font(size)
    left, top, right, bottom = draw.textbbox((0, 0), label, font=font)
    plate_w, plate_h = right - left + 2 * pad, bottom - top + 2 * pad
    x0, y0, _, y1 = corner
    y = y1 - plate_h if below else y0
    x = int(np.clip(x0, 0, max(0, length - plate_w)))
    y = int(np.clip(y, 0, max(0, height - plate_h)))
    plate = _free_place((x, y, x + plate_w, y + plate_h), taken, below, height)
    y = plate[1]
    draw.rectangle(plate, fill=tuple(color))
    draw.text(
        (x + pad - left, y + pad - top), label, fill=(0, 0, 0), font=font
    )
    return plate


def _free_place(
    plate: Plate, taken: Sequence[Plate], upwards: bool, height: int
) -> Plate:
    """The plate, moved until it hides no other; as it was without room."""
    x0, y0, x1, y1 = plate
    size = y1 - y0
    while 0 <= y0 <= height - size:
        hit = [
            p
            for p in taken
            if p[0] <= x1 and x0 <= p[2] and p[1] <= y0 + size and y0 <= p[3]
        ]
        if not hit:
            return x0, y0, x1, y0 + size
        if upwards:
            y0 = min(p[1] for p in hit) - size - 1
        else:
            y0 = max(p[3] for p in hit) + 1
    return plate
