# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What people hand in: files, addresses, folders, patterns, arrays, videos."""

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from os import PathLike
from pathlib import Path, PurePath
from typing import NamedTuple
from urllib.parse import urlparse

import cv2
import mmcv
import numpy as np
from mmengine.fileio import LocalBackend, get_file_backend

PICTURE_SUFFIXES = (
    '.bmp',
    '.gif',
    '.jfif',
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
#: Folders that hold a file of this name are results, not photographs.
RESULT_MARKER = 'scm_wsol_results.json'


class Item(NamedTuple):
    """One picture or video that was found among the inputs."""

    path: str | None
    """File or address; None for an array."""
    file_name: str
    """Relative to the common folder of all inputs, with ``/``."""
    image: np.ndarray | None = None
    """uint8 (H, W, 3), BGR, of an array."""


class FoundInputs(list):
    """The items that :func:`expand_inputs` found, and what it left out.

    Attributes:
        left_out (list[str]): Files in folders and patterns that are no
            pictures and no videos by their suffix, hidden ones, and folders
            of earlier results.
    """

    def __init__(
        self, items: Iterable[Item] = (), left_out: Iterable[str] = ()
    ) -> None:
        super().__init__(items)
        self.left_out = list(left_out)

    def describe_left_out(self) -> str:
        """One line about what was left out, empty if nothing was."""
        if not self.left_out:
            return ''
        kinds = Counter(
            'hidden'
            if _is_hidden(path)
            else PurePath(path).suffix.lower() or 'no suffix'
            for path in self.left_out
        )
        return (
            f'{len(self.left_out)} left out, no pictures or videos: '
            + ', '.join(f'{n} {kind}' for kind, n in kinds.most_common())
        )


class Source(NamedTuple):
    """One picture to look at: a file or an address, or its pixels."""

    name: str
    """Unique among the pictures of one call; fit to name files below a
    folder: ``birds/0001`` for ``birds/0001.jpg``."""
    path: str | None
    """File, address, or file of the video; None for an array."""
    image: np.ndarray | None = None
    """uint8 (H, W, 3), BGR; None if it is still to be read."""
    frame: int | None = None
    """Number of the frame in a video, from 0."""
    file_name: str | None = None
    """Of the picture or video, relative to the common folder of all inputs,
    with ``/``; None for an array."""


#: What is called with a picture or video that cannot be read.
OnError = Callable[[Source, Exception], None]


def expand_inputs(
    inputs: object, ignore: Sequence[str | PathLike] = ()
) -> FoundInputs:
    """List the pictures and videos that are meant.

    Args:
        inputs (str | PathLike | np.ndarray | Iterable): A file, an address
            (``https://…`` or another scheme of MMEngine's file backends), a
            folder (all pictures and videos below it, by suffix), a pattern
            (``photos/**/*.jpg``), an array (uint8, BGR as mmcv and OpenCV
            load, or grey), or a list of any of these.
        ignore (Sequence[str | PathLike]): Folders that are not searched, for
            example the one that results go to.

    Returns:
        FoundInputs: Items in order; the content of folders and patterns
        sorted by name, hidden files and folders and results of earlier runs
        (folders with :data:`RESULT_MARKER`) left out.

    Raises:
        FileNotFoundError: If a file does not exist, or a pattern or folder
            holds no picture and no video.
        TypeError: If something else was handed in.
        ValueError: If an array is no picture, or there is nothing at all.
    """
    left_out: list[str] = []
    ignored = {os.path.abspath(folder) for folder in ignore}
    folders: set[str] = set()
    found = list(_expand(inputs, ignored, left_out, folders))
    if not found:
        raise ValueError('inputs: expected at least one picture, got none')
    common = ''
    with suppress(ValueError):  # none, or on different drives
        common = os.path.commonpath([os.path.abspath(f) for f in folders])
    return FoundInputs(
        (_named(index, item, common) for index, item in enumerate(found)),
        left_out,
    )


def _expand(
    inputs: object, ignored: set[str], left_out: list[str], folders: set[str]
) -> Iterator[Item]:
    """Items, those of local files and arrays without a name yet.

    Folders that local names are relative to are added to ``folders``.
    """
    if isinstance(inputs, Item):
        yield inputs
    elif isinstance(inputs, (str, PathLike)):
        yield from _expand_path(str(inputs), ignored, left_out, folders)
    elif isinstance(inputs, np.ndarray):
        yield Item(None, '', _check_array(inputs))
    elif isinstance(inputs, Iterable):
        for entry in inputs:
            yield from _expand(entry, ignored, left_out, folders)
    else:
        raise TypeError(
            'inputs: expected a path, an address, a uint8 array, or a list '
            f'of these, but got {type(inputs).__name__}'
        )


def _named(index: int, item: Item, common: str) -> Item:
    if item.file_name:
        return item
    if item.path is None:
        return item._replace(file_name=f'{index:06d}')
    path = PurePath(item.path).name
    if common:
        path = os.path.relpath(os.path.abspath(item.path), common)
    return item._replace(file_name=PurePath(path).as_posix())


def _is_hidden(relative: str) -> bool:
    return any(
        part.startswith('.') and part not in ('.', '..')
        for part in PurePath(relative).parts
    )


def _expand_path(
    path: str, ignored: set[str], left_out: list[str], folders: set[str]
) -> list[Item]:
    if not path:
        raise ValueError('inputs: expected a path, got an empty string')
    backend = get_file_backend(path)
    if not hasattr(backend, 'isdir'):  # as for http://
        name = PurePath(urlparse(path).path).name
        return [Item(path, name or 'picture')]
    local = isinstance(backend, LocalBackend)
    if backend.isdir(path):
        folder = path
        names = list(backend.list_dir_or_file(path, False, recursive=True))
        names = sorted(names + _unlisted(path) if local else names)
        files = {backend.join_path(path, name): name for name in names}
        kept = _pictures_among(files, path, ignored, left_out)
    elif backend.isfile(path):
        folder = os.path.dirname(path) or '.'
        files, kept = {path: PurePath(path).name}, [path]
    elif '://' not in path and glob.has_magic(path):
        folder = _fixed_part(path)
        files = {
            file: file
            for file in sorted(glob.glob(path, recursive=True))
            if Path(file).is_file() or _is_broken_link(file)
        }
        if not files:
            raise FileNotFoundError(f'{path}: no file matches this pattern')
        kept = _pictures_among(files, path, ignored, left_out)
    else:
        raise FileNotFoundError(f'{path}: no such file or folder')
    if not local:
        return [Item(file, files[file]) for file in kept]
    folders.add(folder)
    return [Item(file, '') for file in kept]


def _is_broken_link(path: str) -> bool:
    return os.path.islink(path) and not os.path.exists(path)


def _unlisted(folder: str) -> list[str]:
    """Links to nothing, and hidden files, which MMEngine does not list."""
    return [
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.startswith('.') or _is_broken_link(os.path.join(parent, name))
    ]


def _fixed_part(pattern: str) -> str:
    """The folder that all files of a pattern lie in."""
    folder = pattern
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder or '.'


def _pictures_among(
    files: dict[str, str], path: str, ignored: set[str], left_out: list[str]
) -> list[str]:
    """Those of the files that are looked at; the others are noted.

    Args:
        files: Their names relative to what the user named, by path.
        path: What the user named.
        ignored: Folders, absolute.
        left_out: Gets the others.
    """
    marked = {
        os.path.abspath(os.path.dirname(file))
        for file in files
        if os.path.basename(file) == RESULT_MARKER
    }
    skipped = tuple(
        os.path.join(folder, '') for folder in sorted(marked | ignored)
    )
    suffixes = PICTURE_SUFFIXES + VIDEO_SUFFIXES
    kept, others = [], []
    for file, name in files.items():
        if os.path.abspath(file).startswith(skipped):
            continue
        wanted = not _is_hidden(name) and name.lower().endswith(suffixes)
        (kept if wanted else others).append(file)
    if not kept:
        raise FileNotFoundError(
            f'{path}: holds no picture and no video ({len(others)} other '
            f'files); looked for {" ".join(suffixes)}, in all folders below '
            'it'
        )
    left_out.extend(files[file] for file in others)
    return kept


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


def is_video(item: Item) -> bool:
    """Whether an item of :func:`expand_inputs` is a video, by its suffix."""
    return item.path is not None and item.path.lower().endswith(VIDEO_SUFFIXES)


def open_video(path: str) -> mmcv.VideoReader:
    """Open a video.

    Raises:
        ValueError: If it does not decode.
    """
    reader = mmcv.VideoReader(path, cache_capacity=1)
    if not reader.opened:
        raise ValueError(f'{path}: does not open as a video')
    return reader


def count_sources(items: Iterable[Item], frame_interval: int = 1) -> int:
    """How many pictures there are; for videos what their headers say."""
    return sum(
        -(-max(0, _count_frames(item.path)) // frame_interval)
        if is_video(item)
        else 1
        for item in items
    )


def _count_frames(path: str) -> int:
    try:
        return open_video(path).frame_cnt
    except ValueError:  # which iterate_sources tells
        return 1


def iterate_sources(
    items: Iterable[Item],
    frame_interval: int = 1,
    on_error: OnError | None = None,
) -> Iterator[Source]:
    """Go through pictures and frames one by one.

    Args:
        items (Iterable): Of :func:`expand_inputs`.
        frame_interval (int): Of videos, take every n-th frame. Defaults to
            1.
        on_error (Callable, optional): Called with a video that does not
            decode, and the error, after which the next items follow.
            Defaults to None, which raises the error.

    Yields:
        Source: With a name made of the file's, below the common folder of
        all inputs. Names that are taken get a number: ``bird``, ``bird_1``.

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

    for item in items:
        if item.image is not None:
            yield Source(name(item.file_name), None, item.image)
            continue
        stem = PurePath(item.file_name).with_suffix('').as_posix()
        if not is_video(item):
            yield Source(name(stem), item.path, file_name=item.file_name)
            continue
        try:
            for frame, image in _frames(item.path, frame_interval):
                yield Source(
                    name(f'{stem}_{frame:06d}'),
                    item.path,
                    image,
                    frame,
                    item.file_name,
                )
        except ValueError as error:
            if on_error is None:
                raise
            source = Source(stem, item.path, file_name=item.file_name)
            on_error(source, error)


def _frames(
    path: str, frame_interval: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Every n-th frame of a video with its number."""
    found = False
    for frame in islice(enumerate(open_video(path)), 0, None, frame_interval):
        found = True
        yield frame
    if not found:
        raise ValueError(f'{path}: no frame of this video decodes')
