# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
from PIL import Image, ImageOps

from projects.scm.structures import fit_frame, turn_boxes, turn_boxes_back
from projects.scm.structures.annotated_size import find_frame_change


@pytest.mark.parametrize('orientation', range(1, 9))
def test_boxes_turn_as_pillow_turns_the_picture(orientation, tmp_path):
    pixels = np.zeros((30, 40), np.uint8)
    pixels[3:11, 20:36] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = tmp_path / 'a.png'
    Image.fromarray(pixels).save(file, exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(file)))
    ys, xs = np.nonzero(upright)
    expected = [[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]]
    stored = [[20, 3, 36, 11]]
    assert turn_boxes(stored, (40, 30), orientation).tolist() == expected
    size = upright.shape[::-1]
    assert turn_boxes_back(expected, size, orientation).tolist() == stored


@pytest.mark.parametrize(
    ('shown', 'own', 'turnable', 'expected'),
    [
        ((40, 30), (40, 30), False, (False, False)),
        ((20, 15), (40, 30), False, (False, True)),
        ((500, 375), (333, 250), False, (False, True)),
        ((333, 250), (500, 375), False, (False, True)),
        ((500, 375), (336, 249), False, None),
        ((500, 375), (320, 320), False, None),
        ((30, 40), (40, 30), False, None),
        ((30, 40), (40, 30), True, (True, False)),
        ((60, 80), (40, 30), True, (True, True)),
        ((40, 31), (40, 30), False, (False, True)),
        ((40, 33), (40, 30), False, None),
    ],
)
def test_one_factor_within_a_pixel(shown, own, turnable, expected):
    assert find_frame_change(shown, own, turnable) == expected


def test_boxes_are_scaled_side_by_side():
    boxes, change = fit_frame(
        [[50, 75, 250, 375]], (500, 375), (334, 250), name='a'
    )
    assert change.scale
    np.testing.assert_allclose(boxes, [[33.4, 50, 167, 250]])
    same, change = fit_frame([[1, 2, 3, 4]], (9, 9), (9, 9), name='a')
    assert same.tolist() == [[1, 2, 3, 4]]
    assert change == (False, False)


def test_both_ways_of_turning():
    """Shown upright and half as large; read as it is stored."""
    boxes, change = fit_frame(
        [[0, 0, 15, 10]], (15, 20), (40, 30), orientation=6, name='a'
    )
    assert change == (True, True)
    # Orientation 6: the top of the upright picture is stored to the left.
    assert boxes.tolist() == [[0, 0, 20, 30]]
    boxes, change = fit_frame(
        [[0, 0, 20, 30]],
        (40, 30),
        (30, 40),
        orientation=6,
        upright=True,
        name='a',
    )
    assert change == (True, False)
    assert boxes.tolist() == [[0, 0, 30, 20]]


@pytest.mark.parametrize('orientation', range(1, 9))
def test_quarter_turns_exchange_sides_mirrored_or_not(orientation):
    options = dict(orientation=orientation, name='a')
    if orientation < 5:
        with pytest.raises(ValueError, match='annotated in 30x40'):
            fit_frame([[0, 0, 15, 10]], (30, 40), (40, 30), **options)
    else:
        boxes, change = fit_frame(
            [[0, 0, 15, 10]], (30, 40), (40, 30), **options
        )
        expected = turn_boxes_back([[0, 0, 15, 10]], (30, 40), orientation)
        assert boxes.tolist() == expected.tolist()
        assert change == (True, False)


def test_other_pictures_are_refused():
    with pytest.raises(
        ValueError,
        match=r'a\.jpg: the image has 40x30 pixels, but its boxes were '
        'annotated in 30x40 pixels',
    ):
        fit_frame([[1, 2, 3, 4]], (30, 40), (40, 30), name='a.jpg')
