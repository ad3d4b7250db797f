# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Intervals of accuracies and of paired differences."""

import numpy as np
import pytest
from scipy import stats

from projects.scm.evaluation.functional.bootstrap import (
    bootstrap_interval,
    paired_bootstrap,
)


def hits_of(seed, seeds, images, share):
    rng = np.random.default_rng(seed)
    return (rng.random((seeds, images)) < share).astype(float)


def test_one_seed_agrees_with_scipy():
    hits, others = hits_of(0, 1, 400, 0.7), hits_of(1, 1, 400, 0.6)
    found = paired_bootstrap(hits, others, draws=4000)
    reference = stats.bootstrap(
        (hits[0], others[0]),
        lambda a, b, axis: (a - b).mean(axis) * 100,
        paired=True,
        vectorized=True,
        method='percentile',
        n_resamples=4000,
        rng=np.random.default_rng(5),
    ).confidence_interval
    assert found.value == pytest.approx((hits - others).mean() * 100)
    assert found.low == pytest.approx(reference.low, abs=0.5)
    assert found.high == pytest.approx(reference.high, abs=0.5)
    assert (found.num_seeds, found.num_images) == (1, 400)


def test_pairs_of_images_are_drawn_together():
    """A method that adds hits to another's is ahead beyond doubt."""
    others = hits_of(0, 2, 300, 0.5)
    hits = others.copy()
    hits[:, :30] = 1
    found = paired_bootstrap(hits, others, draws=1000)
    assert found.excludes_zero
    assert 0 < found.low < found.value < found.high
    assert paired_bootstrap(others, hits, draws=1000).high < 0


def test_seeds_are_drawn_too():
    """Ahead by 10 points with one seed, behind by 10 with the other."""
    ahead = np.zeros((2, 1000))
    ahead[0] = 0.1
    others = np.zeros((2, 1000))
    others[1] = 0.1
    found = paired_bootstrap(ahead, others, draws=2000)
    assert found.value == pytest.approx(0)
    assert found.low == pytest.approx(-10)
    assert found.high == pytest.approx(10)
    assert not found.excludes_zero


def test_the_same_draws_give_the_same_interval():
    hits, others = hits_of(0, 3, 50, 0.7), hits_of(1, 3, 50, 0.6)
    first = paired_bootstrap(hits, others, draws=700)
    assert first == paired_bootstrap(hits, others, draws=700)
    assert first != paired_bootstrap(hits, others, draws=700, seed=1)


@pytest.mark.parametrize('shape', [(2, 9), (1, 10), (10,), (0, 0)])
def test_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r'two arrays \(seeds, images\)'):
        paired_bootstrap(np.ones((1, 9)), np.ones(shape))


def drawn_one_by_one(ahead, draws=4000):
    """The definition: images and seeds drawn with replacement."""
    rng = np.random.default_rng(5)
    seeds, images = ahead.shape
    means = [
        ahead[rng.integers(0, seeds, seeds)][
            :, rng.integers(0, images, images)
        ].mean()
        for _ in range(draws)
    ]
    return np.quantile(means, [0.025, 0.975])


@pytest.mark.parametrize('seeds', [1, 3])
@pytest.mark.parametrize('levels', [2, 4])
def test_intervals_are_those_of_the_definition(seeds, levels):
    rng = np.random.default_rng(seeds)
    hits, others = rng.integers(0, levels, (2, seeds, 80)) / (levels - 1)
    found = paired_bootstrap(hits, others)
    assert found.value == pytest.approx((hits - others).mean() * 100)
    expected = drawn_one_by_one((hits - others) * 100)
    assert [found.low, found.high] == pytest.approx(expected, abs=1.3)
    assert (found.num_seeds, found.num_images) == (seeds, 80)


def test_an_accuracy_has_the_interval_of_a_binomial():
    found = bootstrap_interval([True] * 13 + [False] * 20)
    # 33 images, p = 13/33: the binomial's 2.5 and 97.5 % points are 8 and 19
    assert found.value == pytest.approx(100 * 13 / 33)
    assert found.low == pytest.approx(100 * 8 / 33, abs=0.01)
    assert found.high == pytest.approx(100 * 19 / 33, abs=0.01)
    all_right = bootstrap_interval([1, 1, 1])
    assert (all_right.low, all_right.high) == (100, 100)


def test_pairs_count_and_not_accuracies_alone():
    hits = np.arange(100) % 2 == 0
    same = paired_bootstrap([hits], [hits])
    assert (same.low, same.high) == (0, 0)
    assert not same.excludes_zero
    turned = paired_bootstrap([hits], [~hits])
    assert turned.value == 0
    assert turned.low < -10 < 10 < turned.high
    better = paired_bootstrap([np.ones(100)], [hits])
    assert better.excludes_zero


def test_an_accuracy_of_nothing_is_refused():
    with pytest.raises(ValueError, match='of one shape'):
        bootstrap_interval([])
