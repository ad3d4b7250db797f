# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes at many thresholds are those of one OpenCV call per threshold."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from literal_loop import loop_boxes
from map_zoo import KINDS

from projects.scm.evaluation.functional import (
    boxes_at_cuts,
    boxes_at_thresholds,
    threshold_cuts,
)
from projects.scm.structures import iou_inclusive, quantize_score_map

GRID = np.arange(0, 1, 0.01)


def assert_same_boxes(score_map, thresholds):
    for contours in ('largest', 'all'):
        expected = loop_boxes(score_map, thresholds, contours)
        found = boxes_at_thresholds(score_map, thresholds, contours)
        assert len(found) == len(thresholds)
        for threshold, a, b in zip(thresholds, expected, found, strict=True):
            # The same boxes in the same order.
            assert np.array_equal(a, b.reshape(-1, 4)), (contours, threshold)


@settings(max_examples=150, deadline=None)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 14), st.integers(1, 14)),
        elements=st.integers(0, 5).map(lambda level: level / 5),
    ),
    st.lists(st.floats(0, 1), min_size=1, max_size=8),
)
def test_any_small_map(score_map, thresholds):
    """Few levels on few pixels: ties, nested holes and spurs abound."""
    assert_same_boxes(score_map, thresholds)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 2**32 - 1),
    st.integers(3, 40),
)
def test_any_kind_of_map(kind, seed, size):
    score_map = KINDS[kind](np.random.default_rng(seed), size)
    assert_same_boxes(score_map, GRID[::5])


@pytest.mark.long
@pytest.mark.slow
def test_ten_thousand_maps():
    """Of all kinds and many sizes, at 20 thresholds each."""
    rng = np.random.default_rng(0)
    kinds = sorted(KINDS)
    for n in range(10_000):
        score_map = KINDS[kinds[n % len(kinds)]](rng, int(rng.integers(3, 64)))
        assert_same_boxes(score_map, rng.random(20))


@pytest.mark.parametrize('kind', sorted(set(KINDS) - {'noise', 'few_levels'}))
def test_full_size_maps(kind):
    rng = np.random.default_rng(sorted(KINDS).index(kind))
    assert_same_boxes(KINDS[kind](rng, 224), GRID[::7])


def test_full_size_noise():
    score_map = KINDS['noise'](np.random.default_rng(0), 224)
    assert_same_boxes(score_map, [0.1, 0.43, 0.55, 0.9])


def test_equal_areas_take_the_last_first_pixel():
    board = np.zeros((30, 30))
    board[2:6, 20:24] = board[2:6, 3:7] = board[20:24, 10:14] = 1
    assert boxes_at_thresholds(board, [0.5]).tolist() == [[10, 20, 14, 24]]
    board[20:24, 10:14] = 0
    assert boxes_at_thresholds(board, [0.5]).tolist() == [[20, 2, 24, 6]]


def test_a_hole_counts_as_part_of_the_area():
    """A thin ring beats a larger number of pixels that enclose less."""
    board = np.zeros((40, 40))
    board[2:21, 2:21] = 1
    board[3:20, 3:20] = 0
    board[22:38, 22:38] = 1
    assert boxes_at_thresholds(board, [0.5]).tolist() == [[2, 2, 21, 21]]
    everything = boxes_at_thresholds(board, [0.5], 'all')[0].tolist()
    assert everything == [
        [22, 22, 38, 38],
        [2, 2, 21, 21],
        [2, 2, 21, 21],
    ]


def test_clamp_and_empty_box():
    score_map = np.zeros((5, 8))
    score_map[1:, 2:] = 1
    assert boxes_at_thresholds(score_map, [0.5, 1.0]).tolist() == [
        [2, 1, 7, 4],
        [0, 0, 0, 0],
    ]
    options = {'clamp': False, 'empty_box': (0, 0, 1, 1)}
    for contours in ('largest', 'all'):
        found = boxes_at_thresholds(score_map, [0.5, 1.0], contours, **options)
        assert np.reshape(found, (-1, 4)).tolist() == [
            [2, 1, 8, 5],
            [0, 0, 1, 1],
        ]


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(sorted(KINDS)),
    st.lists(st.tuples(*[st.integers(-3, 30)] * 4), min_size=1, max_size=4),
)
def test_best_iou_is_that_of_all_pairs(seed, kind, gt_boxes):
    """Compiled, and equal to the last bit; corners in any order."""
    score_map = KINDS[kind](np.random.default_rng(seed), 24)
    levels = quantize_score_map(score_map)
    cuts = np.arange(256)
    for contours in ('largest', 'all'):
        found = boxes_at_cuts(levels, cuts, contours).finish((24, 24))
        expected = [
            iou_inclusive(
                found.boxes[found.offsets[i] : found.offsets[i + 1]], gt_boxes
            ).max()
            for i in found.place
        ]
        assert found.best_iou(gt_boxes).tolist() == expected


def test_memory_layout_and_type_do_not_matter():
    score_map = KINDS['patches'](np.random.default_rng(1), 64)
    expected = boxes_at_thresholds(score_map, GRID)
    turned = np.asfortranarray(score_map)
    spread = np.repeat(score_map, 2, axis=1)[:, ::2]
    for same in (turned, spread):
        assert (boxes_at_thresholds(same, GRID) == expected).all()
    single = score_map.astype(np.float32)
    assert (
        boxes_at_thresholds(single, GRID)
        == boxes_at_thresholds(single.astype(np.float64), GRID)
    ).all()


def test_inputs_are_left_alone():
    score_map = KINDS['smooth'](np.random.default_rng(1), 32)
    copy = score_map.copy()
    boxes_at_thresholds(score_map, GRID, 'all')
    assert (score_map == copy).all()


def test_thresholds_in_any_order():
    score_map = KINDS['patches'](np.random.default_rng(2), 64)
    shuffled = np.random.default_rng(3).permutation(GRID)
    ordered = boxes_at_thresholds(score_map, np.sort(shuffled))
    found = boxes_at_thresholds(score_map, shuffled)
    assert (found == ordered[np.argsort(np.argsort(shuffled))]).all()


def test_threshold_cuts_truncate():
    levels = np.array([[0, 204]], np.uint8)
    thresholds = np.arange(0, 1, 0.001)
    assert threshold_cuts(levels, thresholds).tolist() == [
        int(t * levels.max()) for t in thresholds
    ]


@pytest.mark.parametrize(
    ('score_map', 'thresholds', 'contours', 'message'),
    [
        (np.zeros((3, 3, 1)), [0.5], 'largest', r'\(h, w\)'),
        (np.full((2, 2), np.nan), [0.5], 'largest', 'NaN'),
        (np.array([[0, 2.0]]), [0.5], 'all', r'\[0, 1\]'),
        (np.zeros((2, 2)), [1.5], 'largest', 'from 0 to 1'),
        (np.zeros((2, 2)), [np.nan], 'largest', 'from 0 to 1'),
        (np.zeros((2, 2)), [], 'largest', 'at least 1'),
        (np.zeros((2, 2)), 0.5, 'largest', 'at least 1'),
        (np.zeros((2, 2)), [0.5], 'some', "'some'"),
    ],
)
def test_refuses(score_map, thresholds, contours, message):
    with pytest.raises(ValueError, match=message):
        boxes_at_thresholds(score_map, thresholds, contours)


def test_boxes_at_cuts_refuses_other_types():
    with pytest.raises(ValueError, match='uint8'):
        boxes_at_cuts(np.zeros((3, 3)), np.array([1]))


NOT_COMPILED = """
import numpy as np
from projects.scm.evaluation.functional import boxes_at_thresholds
from projects.scm.evaluation.functional.contours import largest, nesting
boxes_at_thresholds(np.eye(4), [0.5])
print(len(largest.largest_contours.signatures))
print(len(nesting.all_contours.signatures))
"""


@pytest.mark.long
@pytest.mark.slow
def test_what_nobody_wants_is_not_compiled(repo, tmp_path):
    """Half a minute of a first run; nothing is in this folder's cache."""
    done = subprocess.run(
        [sys.executable, '-c', NOT_COMPILED],
        cwd=repo,
        env={**os.environ, 'NUMBA_CACHE_DIR': str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ['1', '0'], done.stderr
