# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Small copies of the pictures, sized so that all of them fit a page."""

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PureWindowsPath

import numpy as np
from PIL import Image

from projects.scm.visualization.reading import open_picture

SIDES = (448, 384, 320, 256, 224, 192, 160, 128, 112, 96, 80, 64)
"""Longest sides that are tried, in pixels."""
_QUALITY = 70
_PROBES = 24


def locate(
    img_paths: Sequence[str], data_root: str | Path | None = None
) -> list[Path]:
    """Find the pictures a test run names.

    Below ``data_root`` the paths are tried with less and less of their
    beginning, until the first picture is there; the same beginning is then
    left out of all. So pictures that were tested elsewhere are found.

    Args:
        img_paths (Sequence[str]): As the test run wrote them.
        data_root (str | Path, optional): The folder of the pictures, or one
            above it. Not used for absolute paths that exist. Defaults to
            None: paths are taken as they are, from the working folder.

    Returns:
        list[Path]: The files.

    Raises:
        FileNotFoundError: If one is not there.
    """
    first = Path(img_paths[0])
    if data_root is None or (first.is_absolute() and first.is_file()):
        paths = [Path(path) for path in img_paths]
        advice = (
            'give the folder where the pictures are now as --data-root, or '
            'run this in the working folder of the test run'
        )
    else:
        parts = [_parts(path) for path in img_paths]
        cuts = range(len(parts[0]))
        found = (
            cut for cut in cuts if Path(data_root, *parts[0][cut:]).is_file()
        )
        cut = next(found, 0)
        paths = [Path(data_root, *part[cut:]) for part in parts]
        advice = f'{paths[0]} is there'
        if not paths[0].is_file():
            advice = (
                f'the test run named {img_paths[0]}; no end of that is below '
                f'--data-root {data_root}'
            )
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f'{missing[0]}: no such picture ({len(missing)} of {len(paths)} '
            f'are missing); {advice}'
        )
    return paths


def _parts(path: str) -> tuple[str, ...]:
    """Parts of a path of any system, without its root."""
    parts = PureWindowsPath(path)
    return parts.relative_to(parts.anchor).parts


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
