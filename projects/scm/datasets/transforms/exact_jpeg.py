# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A faster decoder for JPEGs, where its pixels are Pillow's.

Pillow hands pixels on in three copies; simplejpeg, with the same
libjpeg-turbo underneath, writes them once, where they are wanted.
"""

import io
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image

_ORIENTATION = 0x0112
# From the pixels as stored to upright ones, by the value of the EXIF tag.
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x[::-1].swapaxes(0, 1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: x[:, ::-1].swapaxes(0, 1),
}


def decode_jpeg(
    content: bytes, picture: Image.Image, upright: bool
) -> np.ndarray | None:
    """Pixels of a JPEG, the same as Pillow's.

    Args:
        content (bytes): The file.
        picture (PIL.Image.Image): The same, as Pillow has opened it; it is
            not decoded.
        upright (bool): Whether to turn it by its EXIF tag.

    Returns:
        np.ndarray | None: uint8 (H, W, 3), BGR, contiguous. None where
        Pillow has to decide: other formats, four channels, whatever the
        decoder warns of (truncated and damaged files), or simplejpeg is
        missing or was built with another decoder than Pillow.
    """
    if picture.format not in ('JPEG', 'MPO') or picture.mode != 'RGB':
        return None
    decode = _find_decoder()
    if decode is None:
        return None
    try:
        pixels = decode(content)
    except ValueError:
        return None
    if pixels.shape[1::-1] != picture.size:
        return None
    if upright:
        turn = _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
        if turn is not None:
            pixels = np.ascontiguousarray(turn(pixels))
    return pixels


@cache
def _find_decoder() -> Callable[[bytes], np.ndarray] | None:
    """simplejpeg's, if it is here and gives Pillow's pixels for noise."""
    try:
        from simplejpeg import decode_jpeg as decode
    except ImportError:
        return None

    def to_bgr(content: bytes) -> np.ndarray:
        return decode(content, 'BGR', strict=True)

    noise = np.random.default_rng(0).integers(0, 256, (21, 35, 3), np.uint8)
    for subsampling in ('4:4:4', '4:2:2', '4:2:0'):
        stream = io.BytesIO()
        Image.fromarray(noise).save(stream, 'JPEG', subsampling=subsampling)
        with Image.open(stream) as image:
            expected = np.asarray(image)[..., ::-1]
        if not np.array_equal(to_bgr(stream.getvalue()), expected):
            return None
    return to_bgr
