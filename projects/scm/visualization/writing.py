# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Writes files so that nobody ever finds half of one."""

import io
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ['write_file', 'write_picture']


def write_file(path: str | Path, data: bytes) -> None:
    """Write a file at once: it appears whole, or not at all.

    Args:
        path (str | Path): Missing folders are made.
        data (bytes): Its content.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(
        prefix=f'.{path.name}.', dir=path.parent
    )
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_picture(path: str | Path, image: np.ndarray) -> None:
    """Write a picture, in the format that the name's suffix tells.

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
