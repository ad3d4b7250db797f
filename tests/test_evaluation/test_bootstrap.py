# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest

from projects.scm.evaluation.functional.bootstrap import (
    bootstrap_interval,
    paired_bootstrap,
)


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


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r'got \(1, 3\) and \(1, 4\)'):
        paired_bootstrap(np.ones((1, 3)), np.ones((1, 4)))
    with pytest.raises(ValueError, match='of one shape'):
        bootstrap_interval([])
