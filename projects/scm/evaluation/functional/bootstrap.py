# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Bootstrap intervals of accuracies, and of differences on the same images.

Images, and seeds where there are several, are drawn with replacement; the
interval is that of percentiles (*An Introduction to the Bootstrap*, Efron and
Tibshirani, 1993). Images that count alike need not be told apart: how many of
each kind a draw holds is multinomial, so that large sets take no longer. With
few seeds their part of the interval is too narrow, by a factor of about
sqrt((S - 1) / S) for S of them; with one seed the interval tells of images
alone. Thresholds stay as they were chosen.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

DRAWS = 10_000
"""Of the intervals that are reported."""
LEVEL = 0.95


class Interval(NamedTuple):
    """An accuracy in percent, or a difference in percentage points."""

    value: float
    low: float
    high: float
    num_seeds: int
    num_images: int

    @property
    def excludes_zero(self) -> bool:
        """Whether all of the interval is on one side of 0."""
        return self.low > 0 or self.high < 0


def bootstrap_interval(hits: ArrayLike) -> Interval:
    """An accuracy with its interval.

    Args:
        hits (ArrayLike): (n,) of images, or (S, n) of seeds and images, hits
            in [0, 1].

    Returns:
        Interval: In percent.

    Raises:
        ValueError: If nothing was measured.
    """
    hits = np.atleast_2d(np.asarray(hits, float))
    return paired_bootstrap(hits, np.zeros_like(hits))


def paired_bootstrap(
    hits: ArrayLike,
    others: ArrayLike,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Difference of two accuracies, with its interval.

    Both methods were tested on the same images, and trained with the same
    seeds; each draw holds for both.

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
        Interval: First minus second, in percentage points.

    Raises:
        ValueError: If the shapes differ, or nothing was measured.
    """
    hits, others = np.asarray(hits, float), np.asarray(others, float)
    if hits.ndim != 2 or hits.shape != others.shape or not hits.size:
        raise ValueError(
            'hits: expected two arrays (seeds, images) of one shape, got '
            f'{hits.shape} and {others.shape}'
        )
    ahead = (hits - others) * 100
    seeds, images = ahead.shape
    kinds, counts = np.unique(ahead, axis=1, return_counts=True)
    rng = np.random.default_rng(seed)
    times_kind = rng.multinomial(images, counts / images, draws)
    times_seed = rng.multinomial(seeds, [1 / seeds] * seeds, draws)
    drawn = ((times_kind @ kinds.T) * times_seed).sum(1) / (seeds * images)
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(
        float(ahead.mean()), float(low), float(high), seeds, images
    )
