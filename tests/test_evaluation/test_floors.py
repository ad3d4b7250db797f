# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes that ignore the image, on real annotations."""

import numpy as np
import pytest

from projects.scm.evaluation.functional import box_floors, centred_squares
from projects.scm.structures import boxes_to_frame

IOUS = (0.3, 0.5, 0.7)


def read_boxes(folder):
    """Ground truth of a wsolevaluation folder in the 224 frame."""
    sizes, boxes = {}, {}
    for line in (folder / 'image_sizes.txt').read_text().split():
        name, width, height = line.split(',')
        sizes[name] = (int(width), int(height))
    for line in (folder / 'localization.txt').read_text().split():
        name, *box = line.split(',')
        boxes.setdefault(name, []).append([float(v) for v in box])
    return [boxes_to_frame(boxes[n], size) for n, size in sizes.items()]


@pytest.mark.parametrize(
    ('split', 'images', 'full', 'square'),
    [
        ('test', 5794, [53.95, 18.95, 4.56], [93.91, 59.60, 17.00]),
        ('val', 1000, [37.4, 9.2, 2.2], [87.70, 45.20, 9.40]),
    ],
)
def test_real_annotations(external_data, split, images, full, square):
    """CUB-200-2011's test set, and CUBV2."""
    boxes = read_boxes(external_data / 'metadata' / 'CUB' / split)
    assert len(boxes) == images
    floors = box_floors(boxes, IOUS)
    assert np.round(floors['full_image'], 2).tolist() == full
    assert np.round(floors['centred_square'], 2).tolist() == square


def test_by_hand():
    boxes = [np.array([[0, 0, 223, 223]]), np.array([[102, 102, 122, 122]])]
    floors = box_floors(boxes, IOUS)
    assert floors['full_image'] == [50, 50, 50]
    assert floors['centred_square'] == [50, 50, 50]
    # The smallest of equal ones, IoU at least 0.3: 13 pixels of 21.
    assert floors['centred_square_side'] == [13, 15, 19]


def test_any_box_of_an_image_counts():
    boxes = [np.array([[0, 0, 3, 3], [0, 0, 223, 223]])]
    assert box_floors(boxes, [0.5])['full_image'] == [100]


def test_an_overlap_of_exactly_the_threshold_is_a_hit():
    boxes = [np.array([[0, 0, 9, 4]])]
    assert box_floors(boxes, [0.5, 0.51], (10, 10))['full_image'] == [100, 0]


def test_a_frame_has_a_width_and_a_height():
    boxes = [np.array([[0, 0, 19, 4]])]
    assert box_floors(boxes, [0.9], (20, 5))['full_image'] == [100]


def test_centred_squares():
    squares = centred_squares((224, 224))
    assert squares[0].tolist() == [111, 111, 113, 113]
    assert squares[-1].tolist() == [0, 0, 223, 223]
    assert len(squares) == 112
    assert centred_squares((8, 4)).tolist() == [
        [3, 1, 5, 3],
        [2, 0, 6, 3],
        [1, 0, 7, 3],
        [0, 0, 7, 3],
    ]


def test_no_images():
    with pytest.raises(ValueError, match='no images'):
        box_floors([], IOUS)
