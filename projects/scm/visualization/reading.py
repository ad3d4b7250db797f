# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Reads pictures as the test run saw them, EXIF orientation included."""

import io
from collections.abc import Sequence

import numpy as np
from mmengine.fileio import get
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from projects.scm.utils.pictures import image_to_8bit, why_undecoded

_QUARTER_TURNS = (5, 6, 7, 8)


def open_picture(
    path: str, size_wh: Sequence[int] | None = None, shrink_to: int = 0
) -> Image.Image:
    """Open a picture in RGB, turned as a test run saw it.

    The pipelines of this project do not turn pictures by their EXIF tag,
    mmcv's default does. Whichever agrees with the size that the test run
    wrote down is taken, the former where both do.

    Args:
        path (str): A file, or whatever mmengine's file backends read.
        size_wh (Sequence[int], optional): Width and height the test run saw
            (``ori_shape`` the other way round). Defaults to None: not known.
        shrink_to (int): The longest side that is needed; JPEG files are then
            decoded at a fraction of their size, which is faster. Defaults to
            0: full size.

    Returns:
        PIL.Image.Image: Of the full size, or a fraction of it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it does not decode, has another size, or values whose
            range is not known.
    """
    content = b''
    try:
        content = get(path)
        image = Image.open(io.BytesIO(content))
        size = image.size
        if shrink_to:
            image.draft('RGB', (shrink_to, shrink_to))
        image.load()
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        reason = why_undecoded(error, content)
        raise ValueError(f'{path}: does not decode ({reason})') from error
    if size_wh is not None and size != tuple(size_wh):
        if image.getexif().get(ExifTags.Base.Orientation) in _QUARTER_TURNS:
            image = ImageOps.exif_transpose(image)
            size = size[::-1]
        if size != tuple(size_wh):
            raise ValueError(
                f'{path}: is {size[0]}x{size[1]} pixels, but the test run '
                f'saw {size_wh[0]}x{size_wh[1]} (ori_shape)'
            )
    return image_to_8bit(image, path).convert('RGB')


def read_picture(
    path: str, size_wh: Sequence[int] | None = None
) -> np.ndarray:
    """A picture as uint8 ``(H, W, 3)``, RGB; see :func:`open_picture`."""
    return np.array(open_picture(path, size_wh))
