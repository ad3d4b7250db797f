# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Kinds of errors, by hand and against a loop over boxes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from literal_loop import loop_iou, loop_kind

from projects.scm.evaluation.functional import ERROR_KINDS, classify_boxes
from projects.scm.structures import iou_inclusive

ONE = [[0, 0, 99, 99]]
TWO = [[0, 0, 49, 99], [50, 0, 99, 99]]


@pytest.mark.parametrize(
    ('box', 'gt_boxes', 'kind'),
    [
        ([0, 0, 99, 99], ONE, 'right'),
        # An IoU of exactly 0.5 is not right.
        ([0, 0, 99, 49], ONE, 'part'),
        ([0, 0, 99, 50], ONE, 'right'),
        ([0, 0, 99, 99], TWO, 'multi_instance'),
        # Both objects hold more than 0.3, but one of them is found.
        ([0, 0, 65, 99], TWO, 'right'),
        ([10, 10, 40, 40], ONE, 'part'),
        ([0, 0, 199, 199], ONE, 'more'),
        # 0.7 of the object is enough, 0.69 is not.
        ([30, 0, 229, 99], ONE, 'more'),
        ([31, 0, 230, 99], ONE, 'wrong'),
        ([80, 80, 199, 199], ONE, 'wrong'),
        ([150, 150, 199, 199], ONE, 'wrong'),
    ],
)
def test_kinds(box, gt_boxes, kind):
    (code,) = classify_boxes([box], gt_boxes)
    assert ERROR_KINDS[code] == kind


corner = st.integers(0, 40)
box = st.tuples(corner, corner, corner, corner).map(
    lambda c: [c[0], c[1], c[0] + c[2], c[1] + c[3]]
)


@settings(deadline=None)
@given(
    st.lists(box, min_size=1, max_size=6),
    st.lists(box, min_size=1, max_size=3),
)
def test_against_the_loop(boxes, gt_boxes):
    found = classify_boxes(boxes, gt_boxes)
    assert found.dtype == np.uint8
    for code, one in zip(found, boxes, strict=True):
        ious = loop_iou(np.array([one]), np.array(gt_boxes))[0]
        assert ERROR_KINDS[code] == loop_kind(one, gt_boxes, ious, True)


def test_of_two_best_boxes_the_first_decides():
    """IoU 0.25 with both; one lies in the box, one holds most of it."""
    box, small, large = [20, 20, 29, 29], [20, 20, 24, 24], [10, 24, 29, 33]
    assert iou_inclusive([box], [small, large]).tolist() == [[0.25, 0.25]]
    for gt_boxes, kind in (((small, large), 'more'), ((large, small), 'part')):
        assert ERROR_KINDS[classify_boxes([box], gt_boxes)[0]] == kind
