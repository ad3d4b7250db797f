# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Score maps to boxes, step by step."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from projects.scm.structures import (
    binarize_levels,
    contour_boxes,
    normalize_score_map,
    otsu_cut,
    quantize_score_map,
    resize_score_map,
    score_map_to_boxes,
    score_map_to_outlines,
)

maps = arrays(
    np.float64,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.floats(-1e6, 1e6),
)


@given(maps)
def test_normalize_attains_zero_and_one(score_map):
    result = normalize_score_map(score_map)
    assert result.dtype == np.float64
    if score_map.min() == score_map.max():
        assert (result == 0).all()
    else:
        assert result.min() == 0
        assert result.max() == 1


@pytest.mark.parametrize(
    ('bad', 'message'),
    [
        (np.full((2, 2), np.nan), '4 of 4 values are NaN or infinite'),
        (np.array([[0, np.inf]]), '1 of 2'),
        (np.zeros(3), r'expected shape \(h, w\), got \(3,\)'),
        (np.zeros((1, 2, 2)), r'got \(1, 2, 2\)'),
        (np.zeros((0, 2)), r'got \(0, 2\)'),
        (np.array([[-1.7e308, 1.7e308]]), 'overflows'),
    ],
)
def test_normalize_refuses(bad, message):
    with pytest.raises(ValueError, match=message):
        normalize_score_map(bad)


def test_normalize_keeps_its_input():
    score_map = np.array([[1.0, 3.0]])
    normalize_score_map(score_map)
    assert score_map.tolist() == [[1, 3]]


def test_resize_is_opencv_in_float64():
    score_map = np.random.default_rng(0).random((4, 6), dtype=np.float32)
    for name, code in (('bilinear', 1), ('bicubic', 2)):
        result = resize_score_map(score_map, (30, 20), name)
        expected = cv2.resize(
            score_map.astype(np.float64), (30, 20), interpolation=code
        )
        assert result.shape == (20, 30)
        assert (result == expected).all()
    with pytest.raises(ValueError, match="'nearest'"):
        resize_score_map(score_map, (30, 20), 'nearest')


def test_quantize_cuts_fractions_off():
    levels = quantize_score_map([[0, 0.999 / 255, 1 / 255, 1]])
    assert levels.dtype == np.uint8
    assert levels.tolist() == [[0, 0, 1, 255]]
    with pytest.raises(ValueError, match='normalise it first'):
        quantize_score_map([[0, 1.5]])


def test_binarize_is_strictly_above_the_cut():
    levels = np.array([[0, 25, 26, 255]], np.uint8)
    # int(0.1 * 255) = 25
    assert binarize_levels(levels, 0.1).tolist() == [[0, 0, 1, 1]]
    assert not binarize_levels(levels, 1.0).any()
    assert not binarize_levels(np.zeros((2, 2), np.uint8), 0.0).any()
    with pytest.raises(ValueError, match='threshold'):
        binarize_levels(levels, 1.1)


def test_otsus_level_is_background():
    levels = np.array([[3, 3, 200, 210]], np.uint8)
    assert otsu_cut(levels) == 3
    found = binarize_levels(levels, 'otsu')
    assert found.tolist() == [[False, False, True, True]]


def test_contour_boxes():
    foreground = np.zeros((12, 12), bool)
    foreground[1:3, 1:4] = True
    foreground[5:12, 4:11] = True
    foreground[7:10, 6:9] = False
    everything = {tuple(b) for b in contour_boxes(foreground, 'all').tolist()}
    # Two outer contours and the pixels around the hole.
    assert everything == {(1, 1, 4, 3), (4, 5, 11, 12), (5, 6, 10, 11)}
    largest = contour_boxes(foreground, 'largest')
    assert largest.tolist() == [[4, 5, 11, 12]]
    assert contour_boxes(np.zeros((3, 3), bool), 'all').shape == (0, 4)
    with pytest.raises(ValueError, match="'some'"):
        contour_boxes(foreground, 'some')


def test_score_map_to_boxes_in_image_pixels():
    score_map = np.zeros((14, 14))
    score_map[3:7, 2:10] = 1
    found = score_map_to_boxes(
        score_map, 0.5, (448, 112), frame_size_wh=(14, 14)
    )
    assert found.dtype == np.float64
    assert found.tolist() == [[64, 24, 320, 56]]


def test_outlines_of_rectangles_fill_their_boxes():
    score_map = np.zeros((14, 14))
    score_map[3:7, 2:10] = 1
    score_map[4, 4:6] = 0  # a hole, which is filled
    options = dict(threshold=0.5, image_size_wh=(448, 112))
    options['frame_size_wh'] = (14, 14)
    [[polygon]] = score_map_to_outlines(score_map, **options)
    # 64, 24, 320, 56 half-open: the last pixels are 319 and 55.
    assert {tuple(point) for point in polygon.tolist()} == {
        (64, 24),
        (319, 24),
        (319, 55),
        (64, 55),
    }


def test_outlines_belong_to_boxes_and_cover_the_foreground():
    rng = np.random.default_rng(3)
    for _ in range(20):
        score_map = cv2.GaussianBlur(rng.random((14, 14)), (5, 5), 0)
        size = tuple(int(n) for n in rng.integers(30, 300, 2))
        options = dict(
            threshold=float(rng.uniform(0.3, 0.9)),
            image_size_wh=size,
            frame_size_wh=(56, 56),
            contours=('all', 'largest')[int(rng.integers(2))],
        )
        boxes = score_map_to_boxes(score_map, **options)
        outlines = score_map_to_outlines(score_map, **options)
        assert len(outlines) == len(boxes) > 0
        pixel = np.divide(size, 56).max()
        for box, polygons in zip(boxes, outlines, strict=True):
            if polygons:
                points = np.concatenate(polygons)
                assert (abs(points.min(0) - box[:2]) <= pixel).all()
                assert (abs(points.max(0) + 1 - box[2:]) <= pixel).all()


def test_outlines_of_a_constant_map():
    assert score_map_to_outlines(np.ones((3, 3)), 0.0, (9, 9)) == []


def test_score_map_to_boxes_reaches_the_border():
    score_map = np.tile([0.0, 1.0], (2, 1))
    found = score_map_to_boxes(score_map, 0.9, (500, 300))
    assert found[0, 3] == 300
    assert found[0, 2] == 500


def test_score_map_to_boxes_of_a_constant_map():
    assert score_map_to_boxes(np.ones((3, 3)), 0.0, (9, 9)).shape == (0, 4)


def test_score_map_to_boxes_matches_recorded_boxes(parity_dir):
    data = np.load(parity_dir / 'evaluation.npz')
    recorded = data['boxes_at_thresholds_0_01']
    for n in range(0, 24, 5):
        score_map = data['cams'][n, data['labels'][n]]
        for t in range(0, 100, 7):
            found = score_map_to_boxes(
                score_map, np.arange(0, 1, 0.01)[t], (224, 224)
            )
            clamped = np.minimum(found, 223) if len(found) else [[0] * 4]
            assert (clamped == recorded[n, t]).all()
