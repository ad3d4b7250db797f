# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest

from projects.scm.structures import fit_boxes

SIZE = (300, 200)


@pytest.mark.parametrize(
    ('boxes', 'message'),
    [
        ([], 'a.jpg: no ground truth box'),
        ([[60, 27, 30, 20]], r'a.jpg: box 0 .* is it x, y, width, height'),
        ([[1, 2, 3, 4], [1, 2, 1, 4]], 'a.jpg: box 1 .* has no area'),
        (
            [[5, 5, 1, 9], [1, 2, 3, 4], [9, 9, 9, 20]],
            'box 0 .* the first.*; box 2 .* has no area',
        ),
        ([[300, 27, 385, 331]], 'lies outside its image of 300x200'),
        ([[10, 200, 20, 210]], 'lies outside its image of 300x200'),
        ([[-9, 2, 0, 4]], 'lies outside its image of 300x200'),
        ([[0.1, 0.2, 0.9, 1.0]], 'are these shares of its sides, 0 to 1'),
        ([[0, 0, np.nan, 4]], 'is not finite'),
        ([[0, 0, np.inf, 4]], 'is not finite'),
        ([[0, 0, 4]], r'a.jpg: expected an array of shape \(n, 4\)'),
    ],
)
def test_what_cannot_be_meant_is_refused(boxes, message):
    with pytest.raises(ValueError, match=message):
        fit_boxes(boxes, SIZE, name='a.jpg')


def test_without_a_size_nothing_is_cut():
    boxes = [[-1, 2, 3, 4], [0, 0, 9999.5, 200]]
    found = fit_boxes(boxes, name='a')
    assert found.boxes.tolist() == boxes
    assert found.leaves.tolist() == [False, False]
    with pytest.raises(ValueError, match='all of it is left of or above 0'):
        fit_boxes([[-9, 2, -1, 4]], name='a')


def test_over_the_edge_is_cut_there():
    boxes = [
        [0, 0, 300, 200],
        [5.5, 6, 7, 8],
        [10, 20, 300.00000000000003, 200.4],
        [-3, 20, 332, 40],
        [299.5, 199.5, 301, 201],
    ]
    found = fit_boxes(boxes, SIZE, name='a')
    assert found.boxes.tolist() == [
        [0, 0, 300, 200],
        [5.5, 6, 7, 8],
        [10, 20, 300, 200],
        [0, 20, 300, 40],
        [299.5, 199.5, 300, 200],
    ]
    assert found.leaves.tolist() == [False, False, True, True, True]


def test_up_to_the_last_pixel():
    """x, y, min(x + w, W - 1), min(y + h, H - 1), as wsolevaluation's."""
    boxes = [[0, 0, 300, 200], [1, 2, 299, 199], [40, 50, 332, 60]]
    found = fit_boxes(boxes, SIZE, name='a', last_pixel=True)
    assert found.boxes.tolist() == [
        [0, 0, 299, 199],
        [1, 2, 299, 199],
        [40, 50, 299, 60],
    ]
    assert found.leaves.tolist() == [False, False, True]
    for box in ([299, 5, 301, 9], [5, 199.5, 9, 200]):
        assert len(fit_boxes([box], SIZE, name='a').boxes) == 1
        with pytest.raises(ValueError, match='has no area left in its image'):
            fit_boxes([box], SIZE, name='a', last_pixel=True)
