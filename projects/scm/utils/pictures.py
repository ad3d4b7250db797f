# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pictures of more than 8 bits: scaled where their range is known."""

import numpy as np
from PIL import Image, UnidentifiedImageError

from .files import describe_beginning

# Formats whose 16 bits Pillow gives as 32.
_SIXTEEN_BITS = ('PNG', 'PPM')


def why_undecoded(error: Exception, content: bytes) -> str:
    """Why a picture does not decode, in words.

    Args:
        error (Exception): Of the decoder; Pillow's name a buffer where the
            file is no picture at all.
        content (bytes): The file.
    """
    if getattr(error, 'errno', None) is not None:  # it could not be read
        return str(error)
    if content and not isinstance(error, UnidentifiedImageError):
        return str(error)
    return f'no picture: {describe_beginning(content)}'


def image_to_8bit(image: Image.Image, name: str) -> Image.Image:
    """A picture with 8 bits a channel.

    Pillow's own conversion cuts everything above 255 off, so that pictures
    of 16 bits become white. Of 16 bits the upper 8 are kept, as OpenCV does.

    Args:
        image (PIL.Image.Image): As it was opened.
        name (str): What messages call it.

    Returns:
        PIL.Image.Image: The same where it has 8 bits already.

    Raises:
        ValueError: If it has real or 32-bit numbers, whose range is not
            known.
    """
    mode = image.mode
    if mode.startswith('I;16') or (
        mode == 'I' and image.format in _SIXTEEN_BITS
    ):
        levels = np.asarray(image).astype(np.uint16)
        small = Image.fromarray(array_to_8bit(levels, name))
        small.info.update(image.info)
        return small
    if mode[0] in 'IF':
        raise ValueError(_unknown_range(name, f'mode {mode!r} of Pillow'))
    return image


def array_to_8bit(pixels: np.ndarray, name: str) -> np.ndarray:
    """An array of pixels with 8 bits a channel; see :func:`image_to_8bit`.

    Args:
        pixels (np.ndarray): uint8 or uint16, any shape.
        name (str): What messages call it.

    Returns:
        np.ndarray: uint8.

    Raises:
        ValueError: If it is neither.
    """
    if pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise ValueError(_unknown_range(name, str(pixels.dtype)))
    return pixels


def _unknown_range(name: str, found: str) -> str:
    return (
        f'{name}: has values of {found}, whose range is not known; expected '
        '8 or 16 bits a channel, so scale them to 0 … 255 and save as 8 bits'
    )
