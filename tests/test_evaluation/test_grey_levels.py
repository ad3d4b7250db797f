# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Compiled grey levels equal those of the plain functions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from projects.scm.evaluation.functional.grey_levels import (
    raw_levels,
    unit_levels,
)
from projects.scm.structures import normalize_score_map, quantize_score_map

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


def assert_framed(framed, expected):
    """These levels, with a frame of zeros."""
    assert framed.dtype == np.uint8
    assert framed.flags['C_CONTIGUOUS']
    assert np.array_equal(framed, np.pad(expected, 1))


@settings(deadline=None)
@given(arrays(np.float64, sizes, elements=st.floats(-1e9, 1e9)))
def test_raw_levels(score_map):
    expected = quantize_score_map(normalize_score_map(score_map))
    assert_framed(raw_levels(score_map), expected)


@settings(deadline=None)
@given(arrays(np.float64, sizes, elements=st.floats(0, 1)))
def test_unit_levels(score_map):
    assert_framed(unit_levels(score_map), quantize_score_map(score_map))


def test_every_pixel_of_real_sizes():
    rng = np.random.default_rng(0)
    for scale in (1e-307, 1e-30, 1e-3, 1.0, 1e12):
        score_map = rng.normal(size=(224, 224)) * scale
        expected = quantize_score_map(normalize_score_map(score_map))
        assert_framed(raw_levels(score_map), expected)
        assert_framed(raw_levels(score_map.T), expected.T)
        assert_framed(
            raw_levels(score_map[:, ::2]),
            quantize_score_map(normalize_score_map(score_map[:, ::2])),
        )


def test_pixels_on_the_edge_between_two_levels():
    rng = np.random.default_rng(0)
    for low, span in ((0.0, 1.0), (-3.7, 0.3), (1e5, 7e-4), (-1e-3, 1e9)):
        edges = low + span * (np.arange(256) / 255)
        edges = np.concatenate(
            [edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)]
        )
        score_map = rng.choice(edges, (64, 61))
        expected = quantize_score_map(normalize_score_map(score_map))
        assert_framed(raw_levels(score_map), expected)
        # Rows with one such pixel, and rows without.
        score_map = low + span * rng.random((64, 61))
        score_map[::2, 7] = rng.choice(edges, 32)
        expected = quantize_score_map(normalize_score_map(score_map))
        assert_framed(raw_levels(score_map), expected)


def test_the_range_may_be_all_that_float64_holds_and_no_more():
    widest = np.array([[-8.9e307, 0.0, 8.9e307]])
    assert raw_levels(widest)[1:-1, 1:-1].tolist() == [[0, 127, 255]]
    with pytest.raises(ValueError, match='overflows'):
        raw_levels([[-9e307, 0.0, 9e307]])


@pytest.mark.parametrize('levels', [raw_levels, unit_levels])
@pytest.mark.parametrize(
    'bad', [np.full((2, 2), np.nan), np.array([[0, np.inf]]), np.zeros(3)]
)
def test_refuses(levels, bad):
    with pytest.raises(ValueError, match='score map'):
        levels(bad)
    with pytest.raises(ValueError, match='normalise it first'):
        unit_levels([[0.0, 1.1]])


@pytest.mark.parametrize('levels', [raw_levels, unit_levels])
@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('height', [4, 5])
def test_refuses_one_bad_pixel_wherever_it_is(levels, bad, height):
    for place in np.ndindex(height, 9):
        score_map = np.linspace(0, 1, height * 9).reshape(height, 9)
        score_map[place] = bad
        with pytest.raises(ValueError, match='score map'):
            levels(score_map)
