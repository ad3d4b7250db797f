# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""JPEGs by the faster decoder: mmcv's pixels of Pillow, or its errors."""

import io
import sys

import mmcv
import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from projects.scm.datasets.transforms import Load8BitImage, exact_jpeg

SIZES = [(1, 1), (2, 3), (7, 5), (16, 16), (33, 31), (127, 65)]
FLAGS = ['color', 'color_ignore_orientation']


@pytest.fixture(autouse=True)
def _fresh():
    exact_jpeg._find_decoder.cache_clear()
    yield
    exact_jpeg._find_decoder.cache_clear()


def encode(mode: str, size: tuple[int, int], **options) -> bytes:
    """A JPEG of noise on a ramp."""
    width, height = size
    noise = np.random.default_rng(width).integers(
        0, 120, (height, width, len(mode)), np.uint8
    )
    ramp = np.linspace(0, 135, width).astype(np.uint8)[:, None]
    pixels = (noise + ramp).squeeze(2) if mode == 'L' else noise + ramp
    stream = io.BytesIO()
    Image.fromarray(pixels, mode if mode == 'CMYK' else None).save(
        stream, options.pop('format', 'JPEG'), **options
    )
    return stream.getvalue()


def outcome(decode, content: bytes):
    try:
        return decode(content)
    except Exception as error:
        return type(error), str(error)


def check_same(content: bytes, flag: str, tmp_path) -> None:
    file = tmp_path / 'picture.jpg'
    file.write_bytes(content)
    loader = Load8BitImage(imdecode_backend='pillow', color_type=flag)
    found = outcome(lambda _: loader({'img_path': str(file)})['img'], content)
    expected = outcome(
        lambda c: mmcv.imfrombytes(c, flag, backend='pillow'), content
    )
    if isinstance(expected, tuple):
        # The messages have addresses of streams.
        assert isinstance(found, tuple)
        if expected[0] is UnidentifiedImageError:
            assert found[0] is ValueError
            assert f'{file}: no picture: ' in found[1]
        else:
            assert found[0] is expected[0]
    else:
        np.testing.assert_array_equal(found, expected)


def was_used(content: bytes, upright: bool = True) -> bool:
    with Image.open(io.BytesIO(content)) as picture:
        return exact_jpeg.decode_jpeg(content, picture, upright) is not None


KINDS = [
    *(dict(subsampling=s) for s in ('4:4:4', '4:2:2', '4:2:0', '4:1:1')),
    dict(progressive=True),
    dict(progressive=True, subsampling='4:4:4', quality=100),
    dict(optimize=True, quality=10),
    dict(restart_marker_blocks=2),
    dict(keep_rgb=True),
    dict(
        format='MPO',
        save_all=True,
        append_images=[Image.new('RGB', (8, 8))],
    ),
]


@pytest.mark.optional
@pytest.mark.parametrize('options', KINDS, ids='-'.join)
def test_colours_are_pillows(tmp_path, options):
    pytest.importorskip('simplejpeg')
    for size in SIZES:
        content = encode('RGB', size, **options)
        assert was_used(content)
        check_same(content, 'color', tmp_path)


@pytest.mark.parametrize('mode', ['L', 'CMYK'])
@pytest.mark.parametrize('progressive', [False, True])
def test_pillow_decodes_other_modes(tmp_path, mode, progressive):
    content = encode(mode, (33, 31), progressive=progressive)
    assert not was_used(content)
    check_same(content, 'color', tmp_path)


@pytest.mark.parametrize('flag', FLAGS)
@pytest.mark.parametrize('turn', [*range(10)])
def test_turned_by_the_tag(tmp_path, turn, flag):
    exif = Image.Exif()
    exif[0x0112] = turn
    check_same(encode('RGB', (33, 31), exif=exif), flag, tmp_path)


@pytest.mark.parametrize('flag', ['grayscale', 'unchanged'])
def test_other_flags_are_left_to_pillow(tmp_path, flag, monkeypatch):
    monkeypatch.setattr(
        'projects.scm.datasets.transforms.loading.decode_jpeg',
        lambda *_: pytest.fail('was asked'),
    )
    check_same(encode('RGB', (33, 31)), flag, tmp_path)


@pytest.mark.parametrize('progressive', [False, True])
def test_truncated_files_fail_alike(tmp_path, progressive):
    whole = encode('RGB', (127, 65), progressive=progressive)
    for end in [*range(len(whole) - 3, 2, -401), len(whole) - 1]:
        for content in (whole[:end], whole[:end] + b'\xff\xd9'):
            check_same(content, 'color', tmp_path)


def test_damaged_files_give_the_same(tmp_path):
    rng = np.random.default_rng(0)
    whole = encode('RGB', (127, 65))
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.integers(2, len(whole), 3):
            content[place] = rng.integers(256)
        check_same(bytes(content), 'color', tmp_path)


@pytest.mark.optional
def test_another_decoder_is_not_used(monkeypatch):
    simplejpeg = pytest.importorskip('simplejpeg')
    content = encode('RGB', (33, 31))
    decode = simplejpeg.decode_jpeg
    monkeypatch.setattr(
        simplejpeg,
        'decode_jpeg',
        # What a decoder gives that was built with simpler upsampling.
        lambda *args, **kwargs: decode(*args, fastupsample=True, **kwargs),
    )
    assert not was_used(content)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'simplejpeg', None)
    content = encode('RGB', (33, 31))
    assert not was_used(content)
    check_same(content, 'color', tmp_path)


@pytest.mark.optional
def test_pixels_are_contiguous_and_can_be_written():
    pytest.importorskip('simplejpeg')
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encode('RGB', (33, 31), exif=exif)
    with Image.open(io.BytesIO(content)) as picture:
        pixels = exact_jpeg.decode_jpeg(content, picture, True)
    assert pixels.shape == (33, 31, 3)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
