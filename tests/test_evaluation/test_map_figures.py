# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Figures of a map by itself, against numbers worked out by hand."""

import numpy as np
import pytest

from projects.scm.evaluation.functional.map_statistics import (
    best_ious,
    relative_entropy,
    share_inside,
)

QUARTER = np.kron([[1.0, 0.0], [0.0, 0.0]], np.ones((4, 4)))


@pytest.mark.parametrize(
    ('score_map', 'entropy'),
    [
        (np.full((3, 5), 7.0), 1.0),  # flat, at any height
        (np.eye(1, 16).reshape(4, 4), 0.0),
        # Four of sixteen alike: log 4 / log 16.
        (np.kron([[1, 0], [0, 0]], np.ones((2, 2))), 0.5),
        (np.kron([[3, -2], [-2, -2]], np.ones((2, 2))), 0.5),
    ],
)
def test_entropy(score_map, entropy):
    assert relative_entropy(score_map) == pytest.approx(entropy, abs=1e-12)


@pytest.mark.parametrize(
    ('boxes', 'share'),
    [
        ([[0, 0, 4, 4]], 1.0),
        ([[0, 0, 8, 2]], 0.5),
        ([[0, 0, 8, 2], [0, 1, 2, 8]], 0.75),  # what both hold counts once
        ([[4, 4, 8, 8]], 0.0),
    ],
)
def test_share_inside(boxes, share):
    assert share_inside(QUARTER, boxes, (8, 8)) == pytest.approx(share)
    assert share_inside(np.ones((8, 8)), boxes, (8, 8)) == 0.0


def test_best_ious():
    two = QUARTER + 0.5 * np.rot90(QUARTER, 2)
    boxes = [[0, 0, 4, 2], [0, 0, 8, 8]]
    found = best_ious(two, boxes, [0.2, 0.7], (8, 8))
    # Corners touch: one component about everything. Then a quarter, of which
    # the upper half is the first box.
    assert found == pytest.approx([1.0, 0.5])
    assert best_ious(two, boxes[1:], [0.7], (8, 8)) == pytest.approx([0.25])
