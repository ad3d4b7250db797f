# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
from PIL import Image

from projects.scm.visualization import open_picture, read_picture

TURN_RIGHT = 6  # EXIF: the picture is to be turned a quarter clockwise


@pytest.fixture
def folder(tmp_path):
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:20, :, 0] = 255  # the upper half is red
    plain = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = TURN_RIGHT
    plain.save(tmp_path / 'plain.png')
    plain.save(tmp_path / 'turned.jpg', exif=exif, quality=95)
    (tmp_path / 'torn.jpg').write_bytes(
        (tmp_path / 'turned.jpg').read_bytes()[:300]
    )
    return tmp_path


def test_exif_is_followed_only_if_the_test_run_did(folder):
    path = str(folder / 'turned.jpg')
    as_stored = read_picture(path, (80, 40))
    assert as_stored.shape == (40, 80, 3)
    assert (as_stored[5, :, 0] > 200).all()
    turned = read_picture(path, (40, 80))
    assert turned.shape == (80, 40, 3)
    assert (turned[:, 35, 0] > 200).all()  # up is now right
    assert (turned[:, 5, 0] < 50).all()
    assert read_picture(path).shape == (40, 80, 3)


def test_jpeg_is_decoded_small(tmp_path):
    path = tmp_path / 'large.jpg'
    Image.new('RGB', (1600, 800)).save(path)
    small = open_picture(str(path), (1600, 800), shrink_to=200)
    assert 200 <= small.width < 1600
    assert small.width == 2 * small.height


def test_what_is_wrong_is_named(folder):
    with pytest.raises(ValueError, match=r'plain.png: is 80x40.*saw 70x40'):
        read_picture(str(folder / 'plain.png'), (70, 40))
    with pytest.raises(ValueError, match=r'torn.jpg: does not decode'):
        read_picture(str(folder / 'torn.jpg'))
    with pytest.raises(FileNotFoundError, match=r'none.png'):
        read_picture(str(folder / 'none.png'))


def test_what_cannot_be_read_says_why(tmp_path):
    with pytest.raises(ValueError, match=r'does not decode \(.*directory'):
        open_picture(str(tmp_path))
