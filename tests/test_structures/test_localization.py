# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
import torch

from projects.scm.structures import Annotation, Localization, rank_classes

FRAME = dict(ori_shape=(60, 80), img_shape=(30, 40), scale_factor=(0.5, 0.5))


def mapping(**changes):
    maps = np.zeros((2, 3, 4), np.float32)
    maps[0, 1, 2] = maps[1, 0, 0] = 1
    return {
        'img_path': 'a/b.jpg',
        'pred_score': np.array([0.1, 0.6, 0.3], np.float32),
        'score_maps': maps,
        'score_map_labels': np.array([2, 1]),
        **FRAME,
        **changes,
    }


@pytest.mark.parametrize('kind', [np.asarray, torch.as_tensor, list])
def test_equal_scores_rank_by_index(kind):
    scores = kind([0.2, 0.5, 0.2, 0.5, 0.1])
    assert rank_classes(scores).tolist() == [1, 3, 0, 2, 4]


def test_many_equal_scores_rank_by_index():
    scores = np.arange(400) * 7 % 4 / 4
    expected = sorted(range(400), key=lambda index: (-scores[index], index))
    assert rank_classes(scores).tolist() == expected


def test_ranking_of_eight_bits():
    scores = torch.tensor([1.0, 1.001, 1.002], dtype=torch.bfloat16)
    assert rank_classes(scores).tolist() == [0, 1, 2]  # all 1.0


def test_ranking_does_not_ask_the_maps():
    found = Localization.from_mapping(mapping(pred_label=np.array([0])))
    assert found.ranking.tolist() == [1, 2, 0]
    assert found.pred_label == 1
    assert found.map_of(1)[0, 0] == 1  # the second of the maps
    assert found.map_of(2)[1, 2] == 1
    with pytest.raises(ValueError, match=r'a/b.jpg.*no map of class 0, only'):
        found.map_of(0)


def test_tensors_are_held_as_they_come():
    maps = torch.ones(2, 3, 4)
    found = Localization.from_mapping(mapping(score_maps=maps))
    assert found.score_maps is maps
    assert isinstance(found.map_of(2), torch.Tensor)


@pytest.mark.parametrize('array', [np.asarray, torch.as_tensor])
def test_there_and_back(array):
    content = mapping(
        pred_instances={
            'bboxes': array([[1.0, 2.0, 30.0, 40.0]]),
            'labels': array([1]),
            'scores': array([0.6]),
        },
        score_maps=array(mapping()['score_maps']),
    )
    back = Localization.from_mapping(content).to_mapping()
    assert back.pop('pred_label').tolist() == [1]
    assert back.keys() == content.keys()
    again = Localization.from_mapping(back).to_mapping()
    boxes, other = (c.pop('pred_instances') for c in (content, again))
    assert all(boxes[key] is other[key] for key in boxes)
    for key, value in content.items():
        assert again[key] is value or again[key] == value, key


def test_boxes_of_one_class_or_several():
    found = Localization.from_mapping(mapping())
    options = dict(threshold=0.5)
    best = found.with_boxes(**options)
    assert best.box_labels.tolist() == [1]
    np.testing.assert_allclose(best.box_scores, [0.6], rtol=1e-6)
    x0, y0, x1, y1 = best.bboxes[0]
    assert (x0, y0) == (0, 0)  # the upper left cell of 4x3
    assert x1 <= 40
    assert y1 <= 40
    both = found.with_boxes([2, 1], **options)
    assert both.box_labels.tolist() == [2, 1]
    np.testing.assert_array_equal(both.bboxes[1], best.bboxes[0])
    polygons = found.outlines([2, 1], **options)
    assert len(polygons) == 2
    for box, (polygon,) in zip(both.bboxes, polygons, strict=True):
        corners = np.reshape(polygon, (-1, 2))
        np.testing.assert_allclose(corners.min(0), box[:2], atol=1)
        np.testing.assert_allclose(corners.max(0) + 1, box[2:], atol=1)


def test_without_a_frame_there_are_no_boxes():
    content = mapping()
    for key in FRAME:
        del content[key]
    found = Localization.from_mapping(content).with_boxes(threshold=0.5)
    assert found.bboxes.shape == (0, 4)
    assert found.box_labels.shape == found.box_scores.shape == (0,)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(pred_score=[0.1, np.nan]), '1 of 2 values are NaN'),
        (dict(pred_score=np.ones((1, 3))), r'pred_score: expected .*\(C,\)'),
        (dict(score_maps=np.ones((2, 3))), r'score_maps: .*\(K, h, w\)'),
        (dict(score_maps=np.ones((2, 0, 3))), 'score_maps: expected numbers'),
        (dict(score_maps=np.ones((3, 3, 4))), r'\(2, h, w\), one map for'),
        (
            dict(
                score_maps=np.stack([np.ones((3, 4)), np.full((3, 4), np.inf)])
            ),
            r'12 of 24 values .* maps of classes \[1\]',
        ),
        (dict(ori_shape=(0, 5)), r'ori_shape: expected \(height, width\)'),
        (dict(img_shape=(5,)), r'img_shape: expected \(height, width\)'),
        (dict(pred_instances={'bboxes': [[1, 2, 3]]}), r'bboxes: .*\(n, 4\)'),
        (
            dict(pred_instances={'bboxes': [[1, 2, 3, 4]], 'labels': [1, 2]}),
            'box_labels: expected 1, one a box',
        ),
        (
            dict(
                pred_instances={'bboxes': [[1, 2, 3, 4]], 'scores': [np.nan]}
            ),
            'box_scores: expected finite numbers',
        ),
        (
            dict(pred_instances={'bboxes': [[1, 2, 3, 4]], 'scores': ['x']}),
            'box_scores: expected finite numbers',
        ),
    ],
)
def test_wrong_fields_are_named(changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        Localization.from_mapping(mapping(**changes))
    assert str(caught.value).startswith('a/b.jpg: ')


def test_missing_fields_are_named():
    with pytest.raises(
        ValueError, match=r"a/b.jpg: missing \['gt_label'\]: x"
    ):
        Localization.from_mapping(mapping(), ('gt_label', 'img_path'), 'x')
    nothing = Localization.from_mapping({})
    with pytest.raises(ValueError, match='pred_score: expected scores'):
        _ = nothing.ranking


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(flip=True), 'flips'),
        # Resized to 40x40, of which 30 rows are left: a crop.
        (dict(scale_factor=(0.5, 2 / 3)), 'crops, pads or flips'),
        # No resize ran, but the size has changed.
        (dict(scale_factor=(1.0, 1.0)), 'crops, pads or flips'),
        # Resized to 40x20 and padded.
        (dict(scale_factor=(0.5, 1 / 3)), 'crops, pads or flips'),
    ],
)
def test_what_moves_boxes_is_refused(changes, message):
    found = Localization.from_mapping(mapping(**changes))
    with pytest.raises(ValueError, match=f'a/b.jpg: .*{message}'):
        found.check_geometry()


def test_whole_pictures_pass():
    found = Localization.from_mapping(mapping())
    found.check_geometry()
    found.check_geometry((30, 40))
    with pytest.raises(ValueError, match=r'given 48x32: .*pad_size_divisor'):
        found.check_geometry((32, 48))
    # A side may have been rounded.
    Localization.from_mapping(mapping(ori_shape=(61, 81))).check_geometry()
    Localization.from_mapping({}).check_geometry((5, 5))


def test_annotation():
    sample = {
        'img_path': 'a.jpg',
        'ori_shape': (60, 80, 3),
        'gt_label': torch.tensor([3]),
        'instances': [
            {'bbox': [1, 2, 3, 4], 'bbox_label': 3, 'ignore_flag': 0},
            {'bbox': [0, 0, 3, 4], 'ignore_flag': 1},
        ],
    }
    truth = Annotation.from_mapping(sample)
    assert truth == (3, [[1, 2, 3, 4]], (80, 60), 0, 0, None)
    for changes, message in (
        ({'gt_label': [1, 2]}, r'gt_label: expected one class, got \[1, 2\]'),
        ({'gt_label': [4]}, r'instances\[0\]: bbox_label 3 differs'),
        ({'instances': [{}]}, r'instances\[0\]: missing bbox'),
        ({'instances': None}, r"missing \['instances'\]"),
    ):
        with pytest.raises(ValueError, match=f'a.jpg: {message}'):
            Annotation.from_mapping({**sample, **changes})
