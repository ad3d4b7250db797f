# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Small copies of the pictures, sized so that all of them fit a page."""

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from projects.scm.visualization.reading import open_picture

__all__ = ['choose_side', 'encode_thumbnails', 'locate']

SIDES = (448, 384, 320, 256, 224, 192, 160, 128, 112, 96, 80, 64)
"""Longest sides that are tried, in pixels."""
_QUALITY = 70
_PROBES = 24


def locate(img_path: str, data_root: str | Path | None) -> Path:
    """Find the picture a test run names.

    Args:
        img_path (str): As the test run wrote it.
        data_root (str | Path, optional): A folder that relative paths are
            under.

    Returns:
        Path: The file.

    Raises:
        FileNotFoundError: If it is not there.
    """
    path = Path(data_root or '.') / img_path
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such picture; relative paths start at the working '
            'folder of the test run, give it as --data-root'
        )
    return path


def encode_thumbnail(path: Path, side: int, size_wh: tuple[int, int]) -> bytes:
    """Encode a picture, shrunk to a longest side, as WebP.

    Args:
        path (Path): The picture.
        side (int): Longest side in pixels; smaller pictures keep their size.
        size_wh (tuple[int, int]): Size the test run saw.

    Returns:
        bytes: A WebP file.

    Raises:
        ValueError: If it does not decode, or has another size.
    """
    image = open_picture(str(path), size_wh, shrink_to=side)
    scale = min(1.0, side / max(size_wh))
    small = (max(1, round(n * scale)) for n in size_wh)
    image = image.resize(tuple(small), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, 'WEBP', quality=_QUALITY, method=3)
    return buffer.getvalue()


def choose_side(
    paths: Sequence[Path], sizes: Sequence[tuple[int, int]], budget: int
) -> int:
    """Longest side at which all pictures together fit a budget.

    Estimated from pictures spread over the set, with a fifth to spare.

    Args:
        paths (Sequence[Path]): The pictures.
        sizes (Sequence[tuple[int, int]]): Width and height of each.
        budget (int): Bytes for all of them.

    Returns:
        int: One of :data:`SIDES`.

    Raises:
        ValueError: If not even the smallest fits.
    """
    probes = np.unique(np.linspace(0, len(paths) - 1, _PROBES).astype(int))
    needed = 0.0
    for side in SIDES:
        lengths = [
            len(encode_thumbnail(paths[i], side, sizes[i])) for i in probes
        ]
        needed = 1.25 * float(np.mean(lengths)) * len(paths)
        if needed <= budget:
            return side
    raise ValueError(
        f'{len(paths)} pictures of {SIDES[-1]} pixels need about '
        f'{needed / 1e6:.0f} MB, expected at most {budget / 1e6:.0f} MB; '
        'raise --max-mb'
    )


def encode_thumbnails(
    paths: Sequence[Path],
    sizes: Sequence[tuple[int, int]],
    side: int,
    workers: int,
) -> Iterator[bytes]:
    """Encode all pictures, in order, with threads.

    Args:
        paths (Sequence[Path]): The pictures.
        sizes (Sequence[tuple[int, int]]): Width and height of each.
        side (int): Longest side in pixels.
        workers (int): Number of threads.

    Yields:
        bytes: One WebP file a picture.
    """
    with ThreadPoolExecutor(max_workers=workers) as pool:
        sides = [side] * len(paths)
        yield from pool.map(encode_thumbnail, paths, sides, sizes)
