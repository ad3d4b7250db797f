# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Paired bootstrap intervals of the difference of two methods.

Both methods were tested on the same images, and trained with the same seeds.
Images and seeds are drawn with replacement, each draw for both methods, and
the interval is that of percentiles (*An Introduction to the Bootstrap*,
Efron and Tibshirani, 1993). With few seeds their part of the interval is too
narrow, by a factor of about sqrt((S - 1) / S) for S of them; with one seed the
interval tells of images alone.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ['DRAWS', 'LEVEL', 'Difference', 'paired_bootstrap']

DRAWS = 10_000
"""Of the intervals that are reported."""
LEVEL = 0.95


class Difference(NamedTuple):
    """How far one method is ahead, in percentage points."""

    value: float
    low: float
    high: float
    num_seeds: int
    num_images: int

    @property
    def excludes_zero(self) -> bool:
        """Whether all of the interval is on one side of 0."""
        return self.low > 0 or self.high < 0


def paired_bootstrap(
    hits: ArrayLike,
    others: ArrayLike,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = 0,
) -> Difference:
    """Difference of two accuracies, with its interval.

    Args:
        hits (ArrayLike): (S, n) hits of the first method, in [0, 1]: one row
            a seed, one column an image.
        others (ArrayLike): (S, n) hits of the second, rows and columns in the
            same order.
        draws (int): Defaults to :data:`DRAWS`.
        level (float): Share of the draws within the interval. Defaults to
            :data:`LEVEL`.
        seed (int): Of the draws. Defaults to 0.

    Returns:
        Difference: First minus second.

    Raises:
        ValueError: If the shapes differ, or nothing was measured.
    """
    hits, others = np.asarray(hits, float), np.asarray(others, float)
    if hits.ndim != 2 or hits.shape != others.shape or not hits.size:
        raise ValueError(
            'hits: expected two arrays (seeds, images) of one shape, got '
            f'{hits.shape} and {others.shape}'
        )
    ahead = ((hits - others) * 100).astype('f4')
    seeds, images = ahead.shape
    times_seed = _times_drawn(seeds, draws, seed)
    times_image = _times_drawn(images, draws, seed + 1)
    drawn = ((times_image @ ahead.T) * times_seed).sum(1) / (seeds * images)
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Difference(
        float(ahead.mean()), float(low), float(high), seeds, images
    )


@lru_cache(maxsize=4)  # those of one set are used by every figure
def _times_drawn(count: int, draws: int, seed: int) -> np.ndarray:
    """(draws, count) float32, how often each of some things is drawn."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(count, [1 / count] * count, draws).astype('f4')
