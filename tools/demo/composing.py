# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Compose an image: clutter, things of no class, one object of a class.

All lengths are in pixels, colours are RGB in [0, 255].
"""

import cv2
import numpy as np
from photographs import Photographs

# Names of the classes (folders of photographs) and their hue in degrees. A
# class is told by its colour, its shading and, less, its shape.
CLASS_HUES = {
    'Orange_Fish': 30.0,
    'Red_Fish': 352.0,
    'Green_Fish': 135.0,
    'Blue_Fish': 215.0,
    'Violet_Fish': 285.0,
    'Tape_Measure': 70.0,
}
# Of the colour that the hue stands for, in [0, 1].
SATURATION = 0.55
SIDE = 128
# Side of the square that has the area of the object's box, by SIDE: the same
# distribution for every class, whatever its shape.
OBJECT_SIZE = (0.28, 0.52)
OBJECT_TURN = 25.0
# The least alpha of a pixel that is counted as the object's.
OPAQUE = 0.5


def compose(
    label: int, photos: Photographs, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Compose one image.

    Nothing but the object depends on ``label``, and of the object neither
    size nor place; nothing is drawn over it.

    Args:
        label (int): Index of the class.
        photos (Photographs): What to compose it of.
        rng (np.random.Generator): The only source of chance.

    Returns:
        tuple: The image, uint8, shape (SIDE, SIDE, 3), and the tight box of
        the object, ``x0, y0, x1, y1`` in whole pixels, half-open.
    """
    canvas = _background(photos.backgrounds, rng)
    for _ in range(rng.integers(1, 4)):
        mask = _blob(rng)[..., None]
        canvas += (_background(photos.backgrounds, rng) - canvas) * mask
    for _ in range(rng.integers(1, 4)):
        _add_distractor(canvas, photos.distractors, rng)

    hue = list(CLASS_HUES.values())[label] + rng.uniform(-10, 10)
    sources = photos.objects[label]
    source = tint(sources[rng.integers(len(sources))], hue)
    size = SIDE * rng.uniform(*OBJECT_SIZE)
    sprite, box = _fitting_sprite(source, size, rng)
    sprite[..., :3] *= _light(sprite.shape[:2], rng)
    x = int(rng.integers(0, SIDE - (box[2] - box[0]) + 1))
    y = int(rng.integers(0, SIDE - (box[3] - box[1]) + 1))
    _paste(canvas, sprite, x - box[0], y - box[1])

    canvas += 2 * rng.standard_normal(canvas.shape, np.float32)
    image = canvas.clip(0, 255).round().astype(np.uint8)
    return image, (x, y, x + box[2] - box[0], y + box[3] - box[1])


def tint(cutout: np.ndarray, hue: float) -> np.ndarray:
    """Colour a cut-out as its class has it.

    Its mean colour becomes one of the given hue. Shading, and how colours
    differ between its parts, stay.

    Args:
        cutout (np.ndarray): RGBA, uint8, shape (H, W, 4).
        hue (float): In degrees.

    Returns:
        np.ndarray: RGBA, uint8, the same alpha. Its mean lightness is about
        one half, where colours are strongest.
    """
    colours = cutout[..., :3].astype(np.float32) / 255
    alpha = cutout[..., 3]
    grey = colours.mean(2)
    gain = np.float32(0.5 / max(np.average(grey, weights=alpha), 0.05))
    hls = np.empty_like(colours)
    hls[..., 0] = hue % 360
    hls[..., 1] = (grey * gain).clip(0, 1)
    hls[..., 2] = SATURATION
    own = (colours - grey[..., None]) * gain
    own -= np.average(own, axis=(0, 1), weights=alpha)
    mixed = cv2.cvtColor(hls, cv2.COLOR_HLS2RGB) + own
    tinted = (mixed * 255).clip(0, 255).round().astype(np.uint8)
    return np.dstack([tinted, alpha])


def _background(
    photos: list[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """A crop of a photograph, recoloured: float32 (SIDE, SIDE, 3)."""
    photo = photos[rng.integers(len(photos))]
    height, width = photo.shape[:2]
    side = int(rng.integers(min(height, width) // 3, min(height, width) + 1))
    x = int(rng.integers(width - side + 1))
    y = int(rng.integers(height - side + 1))
    crop = cv2.resize(photo[y : y + side, x : x + side], (SIDE, SIDE))
    crop = crop[:: rng.choice((1, -1)), :: rng.choice((1, -1))]
    # Any hue, but dull: bright colours belong to the classes.
    hls = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2HLS)
    hls[..., 0] = (hls[..., 0] + rng.uniform(0, 360)) % 360
    hls[..., 2] *= rng.uniform(0.1, 0.8)
    crop = cv2.cvtColor(hls, cv2.COLOR_HLS2RGB) * 255
    crop = (crop - crop.mean()) * rng.uniform(0.5, 1.0) + rng.uniform(70, 170)
    if rng.random() < 0.5:
        crop = cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.5, 3.0))
    return crop.astype(np.float32)


def _blob(rng: np.random.Generator) -> np.ndarray:
    """Mask of a random polygon: float32 in [0, 1], shape (SIDE, SIDE)."""
    angles = np.arange(12) * (2 * np.pi / 12)
    radii = SIDE * rng.uniform(0.08, 0.22) * rng.uniform(0.5, 1.0, 12)
    centre = rng.uniform(0, SIDE, 2)
    stretch = rng.uniform(0.5, 1.0)
    points = np.stack(
        [np.cos(angles) * radii, np.sin(angles) * radii * stretch], 1
    )
    mask = np.zeros((SIDE, SIDE), np.uint8)
    # Coordinates in 1/16 pixel.
    corners = ((points + centre) * 16).round().astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def _add_distractor(
    canvas: np.ndarray, cutouts: list[np.ndarray], rng: np.random.Generator
) -> None:
    """Draw a thing of no class, dull and often cut, anywhere."""
    cutout = cutouts[rng.integers(len(cutouts))]
    if rng.random() < 0.6:
        width = cutout.shape[1]
        left = int(rng.integers(width // 2))
        cutout = cutout[:, left : left + width // 2]
    grey = cutout[..., :3].mean(2, keepdims=True)
    dull = grey + (cutout[..., :3] - grey) * rng.uniform(0, 0.6)
    cutout = np.dstack([dull.astype(np.uint8), cutout[..., 3]])
    size = SIDE * rng.uniform(0.1, 0.3)
    sprite, _ = _sprite(cutout, size, rng.uniform(-90, 90), rng)
    height, width = sprite.shape[:2]
    _paste(
        canvas,
        sprite,
        int(rng.integers(-width // 2, SIDE - width // 2)),
        int(rng.integers(-height // 2, SIDE - height // 2)),
    )


def _fitting_sprite(
    cutout: np.ndarray, size: float, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """A sprite whose box fits the image; long ones are turned until so."""
    for _ in range(100):
        turn = rng.uniform(-OBJECT_TURN, OBJECT_TURN)
        sprite, box = _sprite(cutout, size, turn, rng)
        if max(box[2] - box[0], box[3] - box[1]) <= SIDE:
            return sprite, box
    raise ValueError(
        f'a cut-out of {cutout.shape[1]}x{cutout.shape[0]} pixels does not '
        f'fit {SIDE}x{SIDE} pixels at size {size:.0f}'
    )


def _sprite(
    cutout: np.ndarray, size: float, turn: float, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Flip, turn and scale a cut-out.

    Args:
        cutout (np.ndarray): RGBA, uint8.
        size (float): Square root of the area of the box to reach, nearly.
        turn (float): In degrees.
        rng (np.random.Generator): For flipping.

    Returns:
        tuple: RGBA in float32 with colours multiplied by alpha, alpha in
        [0, 1]; and the tight box of what is opaque, half-open.
    """
    rgba = cutout[:, :: rng.choice((1, -1))].astype(np.float32)
    rgba[..., 3] /= 255
    rgba[..., :3] *= rgba[..., 3:]
    height, width = rgba.shape[:2]
    _, box = _warp(rgba[..., 3], turn, 1.0)
    area = (box[2] - box[0]) * (box[3] - box[1])
    scale = size / np.sqrt(area)
    if scale < 1:  # from here on there is no need to average pixels
        shape = (max(round(width * scale), 1), max(round(height * scale), 1))
        rgba = cv2.resize(rgba, shape, interpolation=cv2.INTER_AREA)
        scale = 1.0
    return _warp(rgba, turn, scale)


def _warp(
    picture: np.ndarray, turn: float, scale: float
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Turn and scale RGBA or alpha alone; see :func:`_sprite`."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, scale)
    cos, sin = np.abs(matrix[0, :2])
    new_width = int(np.ceil(width * cos + height * sin)) + 2
    new_height = int(np.ceil(width * sin + height * cos)) + 2
    matrix[:, 2] += (new_width - width) / 2, (new_height - height) / 2
    warped = cv2.warpAffine(picture, matrix, (new_width, new_height))
    alpha = warped if warped.ndim == 2 else warped[..., 3]
    rows, columns = np.nonzero(alpha >= OPAQUE)
    if not len(rows):
        return warped, (0, 0, 1, 1)
    return warped, (
        int(columns.min()),
        int(rows.min()),
        int(columns.max()) + 1,
        int(rows.max()) + 1,
    )


def _light(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Light that changes linearly over the object: shape (H, W, 1)."""
    height, width = shape
    slope = rng.uniform(-0.15, 0.15, 2)
    rows = np.linspace(-1, 1, height)[:, None] * slope[0]
    columns = np.linspace(-1, 1, width)[None] * slope[1]
    light = rng.uniform(0.8, 1.1) * (1 + rows + columns)
    return light[..., None].astype(np.float32)


def _paste(canvas: np.ndarray, sprite: np.ndarray, x: int, y: int) -> None:
    """Draw a sprite with its corner at (x, y), which may lie outside."""
    height, width = sprite.shape[:2]
    left, top = max(-x, 0), max(-y, 0)
    right, bottom = min(width, SIDE - x), min(height, SIDE - y)
    part = sprite[top:bottom, left:right]
    area = canvas[y + top : y + bottom, x + left : x + right]
    area *= 1 - part[..., 3:]
    area += part[..., :3]
