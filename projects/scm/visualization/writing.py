# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Writes pictures."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from projects.scm.utils import write_file


def write_picture(path: str | Path, image: np.ndarray) -> None:
    """Write a picture at once, in the format that the suffix tells.

    Args:
        path (str | Path): ``*.png``, ``*.jpg``, ``*.webp``…
        image (np.ndarray): uint8 ``(H, W, 3)``, RGB.

    Raises:
        ValueError: If the suffix is none of a picture.
    """
    suffix = Path(path).suffix.lower()
    formats = Image.registered_extensions()
    if suffix not in formats:
        raise ValueError(
            f'{path}: expected a suffix such as .png, got {suffix!r}'
        )
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, formats[suffix])
    write_file(path, buffer.getvalue())
