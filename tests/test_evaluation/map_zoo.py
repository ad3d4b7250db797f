# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Score maps in [0, 1] of all sorts, drawn from a seeded generator."""

import cv2
import numpy as np


def _stretch(score_map):
    low, high = score_map.min(), score_map.max()
    if low == high:
        return np.zeros_like(score_map)
    return (score_map - low) / (high - low)


def smooth(rng, size):
    """A few wide bumps at patch resolution, enlarged: like a good map."""
    cells = cv2.GaussianBlur(rng.random((14, 14)), (0, 0), 2)
    return _stretch(cv2.resize(cells, (size, size)))


def patches(rng, size):
    """Unrelated numbers at patch resolution, enlarged."""
    return _stretch(cv2.resize(rng.random((14, 14)), (size, size)))


def spiky(rng, size):
    """Few strong patches on a weak, cubic background: like attention."""
    cells = rng.random((14, 14)) ** 8
    return _stretch(
        cv2.resize(cells, (size, size), interpolation=cv2.INTER_CUBIC)
    )


def noise(rng, size):
    """Every pixel on its own."""
    return rng.random((size, size))


def constant(rng, size):
    """One value everywhere."""
    return np.full((size, size), rng.choice([0.0, 0.5, 1.0]))


def checkerboard(rng, size):
    """Squares of any side, of two or of many levels."""
    side = int(rng.integers(1, 9))
    y, x = np.indices((size, size)) // side
    levels = rng.random(int(rng.integers(1, 7)))
    return (x + y) % 2 * levels[(x * 3 + y) % len(levels)]


def rings(rng, size):
    """Nested and crossing rings, discs and lines: holes in holes."""
    board = np.zeros((size, size))
    for _ in range(rng.integers(1, 12)):
        centre = tuple(int(c) for c in rng.integers(0, size, 2))
        axes = tuple(int(c) for c in rng.integers(1, size // 2 + 2, 2))
        thick = int(rng.choice([-1, 1, 1, 2, 5]))
        level = float(rng.choice([0.0, 0.25, 0.5, 0.9, 1.0]))
        cv2.ellipse(board, centre, axes, 0, 0, 360, level, thick)
    return board


def one_pixel(rng, size):
    """A single pixel, or a few."""
    board = np.zeros((size, size))
    for _ in range(rng.integers(1, 4)):
        board[tuple(rng.integers(0, size, 2))] = rng.choice([0.5, 1.0])
    return board


def border(rng, size):
    """Ramps and blobs that touch the border."""
    y, x = np.indices((size, size)) / max(size - 1, 1)
    ramp = rng.normal() * x + rng.normal() * y
    return _stretch(np.abs(ramp + 0.3 * smooth(rng, size)))


def saturated(rng, size):
    """Plateaus at the top and at the bottom."""
    return np.clip(smooth(rng, size) * 4 - 1.5, 0, 1)


def few_levels(rng, size):
    """Two to five grey levels in random specks: many equal areas."""
    levels = int(rng.integers(1, 5))
    dense = rng.random((size, size)) < rng.random()
    return dense * rng.integers(0, levels + 1, (size, size)) / levels


KINDS = {
    function.__name__: function
    for function in (
        smooth,
        patches,
        spiky,
        noise,
        constant,
        checkerboard,
        rings,
        one_pixel,
        border,
        saturated,
        few_levels,
    )
}
