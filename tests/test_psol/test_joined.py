# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Figures of a classifier and a detector together, by hand."""

import numpy as np
import pytest
import torch

from projects.scm.evaluation.functional.joined import (
    ClassifiedImage,
    best_iou,
    joined_localization,
    take_classified_image,
)

FRAME = (100, 100)


def image(ranking=(2, 0, 1), gt_boxes=((0, 0, 9, 9),), size=FRAME):
    return ClassifiedImage(ranking, 2, gt_boxes, size)


def test_overlaps_are_inclusive_and_the_limit_counts():
    # 5 x 10 pixels of 10 x 10.
    assert best_iou(image(), (0, 0, 4, 9), FRAME) == 0.5
    figures = joined_localization([image()], [(0, 0, 4, 9)], 0.5, FRAME)
    assert figures['gt_known_acc'] == 100
    figures = joined_localization([image()], [(0, 0, 4, 9)], 0.51, FRAME)
    assert figures['gt_known_acc'] == 0


def test_boxes_are_compared_in_whole_pixels_of_the_frame():
    # In an image of 400 x 200, x counts a quarter and y a half.
    own = image(gt_boxes=[(3, 1, 39, 19)], size=(400, 200))
    assert best_iou(own, (0, 0, 36, 18), FRAME) == 1
    # The far edge of the image is behind the last pixel.
    own = image(gt_boxes=[(0, 0, 399, 199)], size=(400, 200))
    assert best_iou(own, (0, 0, 400, 200), FRAME) == 1
    # Any of several boxes may be hit.
    own = image(gt_boxes=[(50, 50, 60, 60), (0, 0, 9, 9)])
    assert best_iou(own, (0, 0, 9, 9), FRAME) == 1


def test_class_and_box_must_both_be_right():
    images = [
        image(ranking=(2, 0, 1)),  # class and box
        image(ranking=(2, 0, 1)),  # class only
        image(ranking=(0, 1, 2)),  # second choice, box
        image(ranking=(0, 1, 3)),  # box only
        image(ranking=(2, 0, 1)),  # nothing found
    ]
    hit, miss = (0, 0, 9, 9), (50, 50, 60, 60)
    assert joined_localization(images, [hit, miss, hit, hit, None]) == {
        'gt_known_acc': pytest.approx(60),
        'top1_loc': pytest.approx(20),
        'top5_loc': pytest.approx(40),
        'top1_cls_acc': pytest.approx(60),
        'top5_cls_acc': pytest.approx(80),
    }


def make_sample(**changes):
    sample = {
        'img_path': 'a.png',
        'pred_score': torch.tensor([0.1, 0.05, 0.3, 0.2, 0.05, 0.25, 0.05]),
        'gt_label': torch.tensor([5]),
        'instances': [
            {'bbox': [1, 2, 3, 4]},
            {'bbox': [0, 0, 9, 9], 'ignore_flag': 1},
        ],
        'ori_shape': (40, 80),
    }
    return {**sample, **changes}


def test_what_is_taken_from_a_result():
    taken = take_classified_image(make_sample())
    assert taken.ranking == [2, 5, 3, 0, 1]
    assert taken.gt_label == 5
    assert taken.gt_boxes == [[1, 2, 3, 4]]
    assert taken.image_size_wh == (80, 40)
    few = take_classified_image(make_sample(pred_score=np.array([0.2, 0.8])))
    assert few.ranking == [1, 0]


def test_errors_name_the_image():
    with pytest.raises(ValueError, match=r"a\.png: missing \['instances'\]"):
        take_classified_image(make_sample(instances=None))
    with pytest.raises(ValueError, match=r'a\.png: .*no ground truth'):
        take_classified_image(make_sample(instances=[]))
    with pytest.raises(ValueError, match='no image'):
        joined_localization([], [])
    with pytest.raises(ValueError, match='shorter'):
        joined_localization([image()], [])
