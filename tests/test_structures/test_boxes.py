# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Box arithmetic: conventions, conversions, validation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.scm.structures import (
    boxes_to_frame,
    coverage_inclusive,
    iou_half_open,
    iou_inclusive,
    scale_boxes,
    xywh_to_xyxy,
    xyxy_to_xywh,
)

corner = st.integers(0, 30)
box = st.tuples(corner, corner, corner, corner).map(
    lambda c: (
        min(c[0], c[2]),
        min(c[1], c[3]),
        max(c[0], c[2]),
        max(c[1], c[3]),
    )
)


def pixels(box, inclusive):
    """The set of pixels a box covers, counted one by one."""
    x0, y0, x1, y1 = box
    return {
        (x, y)
        for x in range(x0, x1 + inclusive)
        for y in range(y0, y1 + inclusive)
    }


def counted_iou(a, b, inclusive):
    a, b = pixels(a, inclusive), pixels(b, inclusive)
    return len(a & b) / len(a | b) if a | b else 0.0


@given(st.lists(box, max_size=4), st.lists(box, max_size=4))
def test_iou_counts_pixels(boxes_a, boxes_b):
    for function, inclusive in ((iou_inclusive, 1), (iou_half_open, 0)):
        result = function(boxes_a, boxes_b)
        assert result.shape == (len(boxes_a), len(boxes_b))
        for i, a in enumerate(boxes_a):
            for j, b in enumerate(boxes_b):
                assert result[i, j] == counted_iou(a, b, inclusive)


def test_conventions_differ():
    a, b = [[0, 0, 9, 9]], [[0, 0, 4, 9]]
    assert iou_inclusive(a, b)[0, 0] == 0.5
    assert iou_half_open(a, b)[0, 0] == 4 / 9
    point = [[3, 3, 3, 3]]
    assert iou_inclusive(point, point)[0, 0] == 1
    assert iou_half_open(point, point)[0, 0] == 0


@given(box, box)
def test_coverage_counts_pixels(a, b):
    inside = len(pixels(a, 1) & pixels(b, 1)) / len(pixels(a, 1))
    assert coverage_inclusive([a], [b])[0, 0] == inside


def test_distant_boxes_do_not_overlap():
    # Two negative sides must not multiply to a positive area.
    assert iou_inclusive([[0, 0, 10, 10]], [[21, 21, 31, 31]])[0, 0] == 0


def test_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r'shape \(n, 4\), got \(4,\)'):
        iou_inclusive([0, 0, 1, 1], [[0, 0, 1, 1]])


@given(st.lists(box, max_size=5))
def test_xywh_round_trip(boxes):
    expected = np.array(boxes, dtype=float).reshape(-1, 4)
    assert (xywh_to_xyxy(xyxy_to_xywh(boxes)) == expected).all()


def test_xywh_to_xyxy():
    assert xywh_to_xyxy([[60, 27, 325, 304]]).tolist() == [[60, 27, 385, 331]]


@given(
    st.lists(st.tuples(*[st.floats(0, 2000) for _ in range(4)]), max_size=4),
    st.integers(1, 4000),
    st.integers(1, 4000),
)
def test_boxes_to_frame_is_the_scalar_formula(boxes, width, height):
    expected = [
        [
            int(b[0] * 224 / width),
            int(b[1] * 224 / height),
            int(b[2] * 224 / width),
            int(b[3] * 224 / height),
        ]
        for b in boxes
    ]
    result = boxes_to_frame(boxes, (width, height))
    assert result.dtype == np.int64
    assert result.tolist() == expected


def test_boxes_to_frame_multiplies_first():
    """Here ``107 * (224 / 107)`` and ``61 / 112 * 224`` fall short."""
    assert int(107 * (224 / 107)) == 223
    found = boxes_to_frame([[0, 0, 107, 107]], (107, 107))
    assert found.tolist() == [[0, 0, 224, 224]]
    assert int(61 / 112 * 224) == 121
    found = boxes_to_frame([[0, 0, 61, 61]], (112, 112))
    assert found.tolist() == [[0, 0, 122, 122]]


def test_boxes_to_frame_of_real_annotations(external_data):
    for split in ('test', 'val'):
        root = external_data / 'metadata' / 'CUB' / split
        sizes = {}
        for line in (root / 'image_sizes.txt').read_text().split():
            name, width, height = line.split(',')
            sizes[name] = (int(width), int(height))
        lines = (root / 'localization.txt').read_text().split()
        assert len(lines) >= 1000
        for line in lines:
            name, *numbers = line.split(',')
            found = boxes_to_frame([[float(n) for n in numbers]], sizes[name])
            exact = [
                int(number) * 224 // sizes[name][axis % 2]
                for axis, number in enumerate(numbers)
            ]
            assert found.tolist() == [exact], name


def test_parity_frame_boxes(parity_dir):
    data = np.load(parity_dir / 'evaluation.npz')
    sizes = data['image_sizes_wh'][data['box_image']]
    for box_, size, expected in zip(
        data['boxes_xyxy'], sizes, data['boxes_224'], strict=True
    ):
        assert (boxes_to_frame([box_], size)[0] == expected).all()


def test_scale_boxes():
    scaled = scale_boxes([[0, 112, 224, 224]], (224, 224), (500, 330))
    assert scaled.tolist() == [[0, 165, 500, 330]]
    with pytest.raises(ValueError, match='to_size_wh'):
        scale_boxes([[0, 0, 1, 1]], (224, 224), (0, 3))
