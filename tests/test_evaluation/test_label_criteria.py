# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Scores of thresholds without any box."""

import numpy as np
import pytest

from projects.scm.evaluation.functional.label_criteria import (
    agreement_scores,
    best_threshold,
    component_map,
    consistency_scores,
    evidence_scores,
    ious_at_thresholds,
    map_boxes,
    otsu_box,
)


def test_component_finds_what_differs():
    """An object of other tokens, wherever attention is a little higher."""
    rng = np.random.default_rng(0)
    object_ = np.zeros((6, 8), bool)
    object_[2:4, 3:7] = True
    patches = rng.normal(0, 0.1, (16, 6, 8))
    patches[3, object_] += 2
    attention = np.where(object_, 0.6, 0.5)
    component = component_map(patches, attention)
    assert np.array_equal(component > 0, object_)
    assert component.mean() == pytest.approx(0)
    # the sign is that of attention, and of nothing else
    assert np.allclose(component_map(patches, -attention), -component)
    assert np.allclose(component_map(-patches, attention), component)


def test_component_is_that_of_a_decomposition():
    rng = np.random.default_rng(1)
    patches = rng.normal(size=(5, 4, 3)) * np.arange(1, 6)[:, None, None]
    flat = patches.reshape(5, -1)
    _, _, vectors = np.linalg.svd(flat - flat.mean(1, keepdims=True))
    found = component_map(patches, vectors[0].reshape(4, 3))
    assert np.allclose(found.ravel(), vectors[0])


def test_boxes_shrink_as_the_threshold_rises():
    rows, columns = np.mgrid[:14, :14]
    blob = np.exp(-((rows - 6) ** 2 + (columns - 8) ** 2) / 10)
    boxes = map_boxes(5 * blob - 3, np.array([0.1, 0.5, 0.9]), (224, 112))
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert (np.diff(areas) < 0).all()
    assert (boxes[:, 2] <= 224).all()
    assert (boxes[:, 3] <= 112).all()


def test_overlaps_are_of_counterparts():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]])
    others = np.array([[0, 0, 10, 5], [5, 0, 10, 5]])
    assert ious_at_thresholds(boxes, others).tolist() == [0.5, 0.5]
    assert ious_at_thresholds(boxes, others[0]).tolist() == [0.5, 1.0]


def test_evidence_weighs_what_a_box_takes():
    found = evidence_scores([0.9, 0.9], [0.1, 0.1], [0.25, 1.0])
    assert found.tolist() == pytest.approx([0.675, 0.3])


def test_consistency_is_agreement_beyond_that_with_other_pictures():
    left, right = [0, 0, 2, 2], [2, 0, 4, 2]
    whole, half = [0, 0, 4, 2], [0, 0, 2, 2]
    # At the first three thresholds each picture agrees with itself alone, then
    # both with both, then, up to IoU 0.5, the whole with the right half.
    boxes = [[left] * 3 + [whole] * 3 + [left] * 3]
    others = [[left] * 3 + [whole] * 3 + [left] * 3]
    boxes += [[right] * 3 + [whole] * 3 + [whole] * 3]
    others += [[right] * 3 + [whole] * 3 + [right] * 3]
    # 5 of 9 IoUs from 0.3 to 0.7 are at most 0.5: there all agree with their
    # counterparts, and one of two pairs of others; beyond, one of two agree,
    # and no others.
    mixed = (5 * 1 * (1 - 0.5) / (1 - 0.5) + 4 * 0.5**2 * 0.5) / 9
    found = consistency_scores(boxes, others)
    assert found[[0, 1, 4, 7, 8]].tolist() == pytest.approx(
        [1, 1, 0, mixed, mixed]
    )
    # The mean of a threshold and its neighbours.
    assert found[[2, 3, 5, 6]].tolist() == pytest.approx(
        [2 / 3, 1 / 3, mixed / 3, 2 * mixed / 3]
    )
    # One picture: nothing is known of chance.
    assert consistency_scores([[whole]], [[half]]) == pytest.approx([5 / 9])
    # Agreement below chance.
    crossed = consistency_scores([[left], [right]], [[right], [left]])
    assert crossed.tolist() == [0]


def test_agreement_counts_pictures():
    whole, half, third = [0, 0, 6, 1], [0, 0, 3, 1], [0, 0, 2, 1]
    boxes = [[whole, half, third, third], [half, half, half, whole]]
    # at each threshold: 1 of 2, 2, 1 (a half is enough), 1
    found = agreement_scores(boxes, [whole, half])
    expected = np.array([1, 1, 0.5, 0.5])
    ends = np.array([1, *expected, 0.5])
    assert found == pytest.approx((ends[:-2] + ends[1:-1] + ends[2:]) / 3)


def test_otsu_box_of_two_levels():
    levels = np.full((4, 6), 0.1)
    levels[1:3, 2:5] = 0.9
    assert otsu_box(levels, (6, 4)).tolist() == [2, 1, 5, 3]
    assert otsu_box(np.ones((4, 6)), (6, 4)).tolist() == [0] * 4


def test_best_threshold_is_the_lowest_of_several():
    scores = [[0.1, 0.5, 0.3], [0.1, 0.3, 0.5]]
    threshold, means = best_threshold(scores, [0.1, 0.2, 0.3])
    assert threshold == 0.2
    assert means.tolist() == pytest.approx([0.1, 0.4, 0.4])
    for wrong in ([], [[1, 2]], [1, 2, 3]):
        with pytest.raises(ValueError, match=r'scores: expected \(n, 3\)'):
            best_threshold(np.array(wrong), [0.1, 0.2, 0.3])
