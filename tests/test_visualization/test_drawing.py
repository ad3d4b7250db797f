# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest

from projects.scm.visualization.drawing import (
    GT_COLOR,
    MAX_ASPECT,
    PRED_COLOR,
    blend,
    colorize_map,
    draw_boxes,
    draw_mask,
    draw_tags,
    line_width,
    overlay_heatmap,
    resize_to_height,
)


@pytest.fixture
def image():
    return np.full((80, 120, 3), 200, np.uint8)


def test_blend_mixes_linearly(image):
    red = np.zeros_like(image)
    red[..., 0] = 100
    mixed = blend(image, red, 0.25)
    assert (mixed == [175, 150, 150]).all()
    share = np.zeros(image.shape[:2])
    share[:40] = 1
    mixed = blend(image, red, share)
    assert (mixed[:40] == red[:40]).all()
    assert (mixed[40:] == image[40:]).all()


def test_heat_map_lightness_rises_with_the_value():
    ramp = colorize_map(np.linspace(-3, 9, 256)[None])[0].astype(float)
    lightness = ramp @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > -1).all()
    assert lightness[-1] - lightness[0] > 200
    # red channel first: the middle of inferno is a red, not a blue
    assert ramp[128, 0] > ramp[128, 2]


def test_heat_map_of_a_constant_is_its_lowest_colour():
    assert (colorize_map(np.ones((3, 4))) == [0, 0, 4]).all()


def test_overlay_finds_the_peak_where_the_map_has_it(image):
    score_map = np.zeros((4, 6))
    score_map[1, 4] = 5
    before = image.copy()
    drawn = overlay_heatmap(image, score_map, opacity=1)
    y, x = np.unravel_index(drawn.sum(2).argmax(), drawn.shape[:2])
    assert 20 <= y < 40
    assert 80 <= x < 100
    assert (overlay_heatmap(image, score_map, opacity=0) == image).all()
    assert (image == before).all()


def test_boxes_are_drawn_where_they_are(image):
    drawn = draw_boxes(image, [[20, 10, 60, 50]], GT_COLOR, width=1)
    for y, x in [(10, 40), (50, 40), (30, 20), (30, 60)]:
        assert tuple(drawn[y, x]) == GT_COLOR
    assert (drawn[20:40, 30:50] == 200).all()
    assert (image == 200).all()


def test_boxes_outside_end_at_the_border(image):
    drawn = draw_boxes(image, [[-30, -20, 500, 400]], PRED_COLOR)
    assert tuple(drawn[0, 60]) == PRED_COLOR
    assert tuple(drawn[40, -1]) == PRED_COLOR


def test_no_boxes_draw_nothing(image):
    assert (draw_boxes(image, np.zeros((0, 4)), GT_COLOR, []) == image).all()


def test_tags_stay_inside_the_picture(image):
    boxes = [[100, 70, 119, 79]]
    drawn = draw_boxes(image, boxes, PRED_COLOR, ['an object'])
    assert drawn.shape == image.shape
    plate = (drawn == PRED_COLOR).all(2)
    assert plate[65:, 70:95].sum() > 100


def test_line_width_follows_the_picture():
    assert line_width((64, 64)) == 1
    assert line_width((1200, 800)) == 8


def test_mask_darkens_outside_only(image):
    mask = np.zeros((80, 120), bool)
    mask[20:60, 30:90] = True
    drawn = draw_mask(image, mask, opacity=0.5)
    assert (drawn[:15] == 100).all()
    assert (drawn[25:55, 35:85] == 200).all()


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda i: blend(i.astype(float), i, 0.5), r'uint8 \(H, W, 3\)'),
        (lambda i: blend(i, i, 1.5), r'\[0, 1\], got \[1.5, 1.5\]'),
        (lambda i: draw_mask(i, np.ones((2, 2))), r'\(80, 120\).*\(2, 2\)'),
        (lambda i: draw_boxes(i, [[0, 0, np.nan, 3]], GT_COLOR), 'finite'),
        (
            lambda i: draw_boxes(i, [[0, 0, 2, 3]], GT_COLOR, ['a', 'b']),
            'expected 1, one a box, got 2',
        ),
    ],
)
def test_wrong_arguments_are_named(image, call, message):
    with pytest.raises(ValueError, match=message):
        call(image)


def test_a_tensor_is_no_picture():
    with pytest.raises(TypeError, match='got list'):
        blend([1], [1], 0.5)


def test_tags_alone_draw_no_lines(image):
    drawn = draw_tags(image, [[0, 0, 119, 79]], PRED_COLOR, ['a'])
    plate = (drawn == PRED_COLOR).all(2)
    assert plate[:20, :20].any()
    assert not plate[40:].any()
    below = draw_tags(image, [[0, 0, 119, 79]], PRED_COLOR, ['a'], below=True)
    assert (below == PRED_COLOR).all(2)[60:].any()
    assert (draw_tags(image, [[0, 0, 9, 9]], GT_COLOR, ['']) == image).all()


@pytest.mark.parametrize('size_wh', [(500, 1), (3000, 20), (7000, 3)])
def test_very_wide_pictures_are_drawn_small(size_wh) -> None:
    """Not 160,000 pixels wide because the height is to be 320."""
    image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    height, width = resize_to_height(image, 320).shape[:2]
    assert width == MAX_ASPECT * 320
    assert 1 <= height <= 320
    assert resize_to_height(image, 320).shape == (height, width, 3)


@pytest.mark.parametrize('below', [False, True])
def test_tags_of_one_corner_stand_apart(below):
    """As of the best classes, whose boxes are often one."""
    image = np.zeros((200, 300, 3), np.uint8)
    boxes = np.tile([40, 60, 160, 150], (3, 1))
    one = draw_tags(image, boxes[:1], (255, 0, 0), ['same'], below)
    three = draw_tags(image, boxes, (255, 0, 0), ['same'] * 3, below)
    plate = (one == (255, 0, 0)).all(2)
    assert plate.any()
    assert (three == (255, 0, 0)).all(2).sum() == 3 * plate.sum()


def test_without_room_tags_stay_where_they_were():
    image = np.zeros((24, 300, 3), np.uint8)
    boxes = np.tile([0, 0, 100, 20], (9, 1))
    drawn = draw_tags(image, boxes, (255, 0, 0), ['tag'] * 9)
    assert drawn.any()
