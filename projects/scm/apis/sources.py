# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What people hand in: files, addresses, folders, patterns, arrays, videos."""

import glob
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse

import cv2
import mmcv
import numpy as np
from mmengine.fileio import get_file_backend

PICTURE_SUFFIXES = (
    '.bmp',
    '.gif',
    '.jpeg',
    '.jpg',
    '.pgm',
    '.png',
    '.ppm',
    '.tif',
    '.tiff',
    '.webp',
)
VIDEO_SUFFIXES = (
    '.avi',
    '.m4v',
    '.mkv',
    '.mov',
    '.mp4',
    '.mpeg',
    '.mpg',
    '.webm',
    '.wmv',
)


class Source(NamedTuple):
    """One picture to look at: a file or an address, or its pixels."""

    name: str
    """Unique among the pictures of one call; fit to name files."""
    path: str | None
    """File, address, or file of the video; None for an array."""
    image: np.ndarray | None = None
    """uint8 (H, W, 3), BGR; None if it is still to be read."""
    frame: int | None = None
    """Number of the frame in a video, from 0."""


def expand_inputs(inputs: object) -> list[str | np.ndarray]:
    """List the pictures and videos that are meant.

    Args:
        inputs (str | PathLike | np.ndarray | Iterable): A file, an address
            (``https://…`` or another scheme of MMEngine's file backends), a
            folder (the pictures and videos directly in it, by suffix), a
            pattern (``photos/**/*.jpg``), an array (uint8, BGR as mmcv and
            OpenCV load, or grey), or a list of any of these.

    Returns:
        list[str | np.ndarray]: Files, addresses and arrays, in order; the
        content of folders and patterns sorted by name.

    Raises:
        FileNotFoundError: If a file does not exist, a pattern matches none,
            or a folder holds no picture and no video.
        TypeError: If something else was handed in.
        ValueError: If an array is no picture, or there is nothing at all.
    """
    if isinstance(inputs, (str, PathLike)):
        return _expand_path(str(inputs))
    if isinstance(inputs, np.ndarray):
        return [_check_array(inputs)]
    if not isinstance(inputs, Iterable):
        raise TypeError(
            'inputs: expected a path, an address, a uint8 array, or a list '
            f'of these, but got {type(inputs).__name__}'
        )
    items = [item for entry in inputs for item in expand_inputs(entry)]
    if not items:
        raise ValueError('inputs: expected at least one picture, got none')
    return items


def _expand_path(path: str) -> list[str]:
    if not path:
        raise ValueError('inputs: expected a path, got an empty string')
    backend = get_file_backend(path)
    if not hasattr(backend, 'isdir'):  # as for http://
        return [path]
    if backend.isdir(path):
        suffixes = PICTURE_SUFFIXES + VIDEO_SUFFIXES
        names = list(backend.list_dir_or_file(path, list_dir=False))
        found = sorted(n for n in names if n.lower().endswith(suffixes))
        if not found:
            raise FileNotFoundError(
                f'{path}: holds no picture and no video ({len(names)} other '
                f'files); looked for {" ".join(suffixes)}'
            )
        return [backend.join_path(path, name) for name in found]
    if backend.isfile(path):
        return [path]
    if '://' not in path and glob.has_magic(path):
        found = sorted(
            file
            for file in glob.glob(path, recursive=True)
            if Path(file).is_file()
        )
        if found:
            return found
        raise FileNotFoundError(f'{path}: no file matches this pattern')
    raise FileNotFoundError(f'{path}: no such file or folder')


def _check_array(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint8 and image.size:
        if image.ndim == 2:
            return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        if image.ndim == 3 and image.shape[2] == 3:
            return image
    raise ValueError(
        'inputs: expected an array as uint8 (H, W, 3), BGR, or (H, W), got '
        f'{image.dtype} {image.shape}; give several pictures as a list'
    )


def is_video(item: str | np.ndarray) -> bool:
    """Whether an item of :func:`expand_inputs` is a video, by its suffix."""
    return isinstance(item, str) and item.lower().endswith(VIDEO_SUFFIXES)


def open_video(path: str) -> mmcv.VideoReader:
    """Open a video.

    Raises:
        ValueError: If it does not decode.
    """
    reader = mmcv.VideoReader(path, cache_capacity=1)
    if not reader.opened:
        raise ValueError(f'{path}: does not open as a video')
    return reader


def count_sources(
    items: Iterable[str | np.ndarray], frame_interval: int = 1
) -> int:
    """How many pictures there are; for videos what their headers say."""
    return sum(
        -(-max(0, open_video(item).frame_cnt) // frame_interval)
        if is_video(item)
        else 1
        for item in items
    )


def iterate_sources(
    items: Iterable[str | np.ndarray], frame_interval: int = 1
) -> Iterator[Source]:
    """Go through pictures and frames one by one.

    Args:
        items (Iterable): Of :func:`expand_inputs`.
        frame_interval (int): Of videos, take every n-th frame. Defaults to
            1.

    Yields:
        Source: With a name made of the file's. Names that are taken get a
        number: ``bird``, ``bird_1``.

    Raises:
        ValueError: If a video does not decode.
    """
    taken: set[str] = set()
    repeats: Counter[str] = Counter()

    def name(stem: str) -> str:
        found = stem
        # Some file systems do not tell A.jpg from a.jpg.
        while found.casefold() in taken:
            repeats[stem] += 1
            found = f'{stem}_{repeats[stem]}'
        taken.add(found.casefold())
        return found

    for index, item in enumerate(items):
        if isinstance(item, np.ndarray):
            yield Source(name(f'{index:06d}'), None, item)
            continue
        stem = Path(urlparse(item).path if '://' in item else item).stem
        if not is_video(item):
            yield Source(name(stem or 'picture'), item)
            continue
        frames = enumerate(open_video(item))
        frame = None
        for frame, image in islice(frames, 0, None, frame_interval):
            yield Source(name(f'{stem}_{frame:06d}'), item, image, frame)
        if frame is None:
            raise ValueError(f'{item}: no frame of this video decodes')
