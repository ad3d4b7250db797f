# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Reads the files that ``tools/test.py --out`` writes."""

import os
from collections.abc import Mapping, Sequence, Sized
from pathlib import Path
from typing import Any


def load_test_run(path: str | os.PathLike) -> list[Mapping[str, Any]]:
    """Read what a test run says of its images.

    Only containers, numbers, arrays and tensors are read; a pickle that
    holds anything else is refused, and no code of it is run.

    Args:
        path (str | os.PathLike): A file that ``tools/test.py --out`` wrote.

    Returns:
        list[Mapping]: ``DataSample.to_dict()`` of each image, at least one,
        in the order of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no such pickle, or holds more than plain
            results; the message names it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file')
    if path.suffix not in ('.pkl', '.pickle'):
        raise ValueError(
            f'{path}: expected a .pkl or .pickle file of tools/test.py --out'
        )
    # Not above: the checks of the environment come before torch.
    from .safe_reading import read_pickle

    items = read_pickle(path)
    if not isinstance(items, list) or not items:
        length = len(items) if isinstance(items, Sized) else '?'
        raise ValueError(
            f'{path}: expected a list with one dict an image, got '
            f'{type(items).__name__} of length {length}'
        )
    for index, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise ValueError(
                f'{path}, item {index}: expected a dict, got '
                f'{type(item).__name__}'
            )
    return items


def match_images(
    paths: Sequence[str], others: Sequence[str], names: Sequence[str]
) -> list[int]:
    """Find the images of one test run in another.

    Runs whose sets lie in different folders, as each ``scm-wsol train
    FOLDER`` has one of its own, have the same images where these have the
    same names below their common folders.

    Args:
        paths (Sequence[str]): Of the images of one run.
        others (Sequence[str]): Of those of the other.
        names (Sequence[str]): What both are called in messages.

    Returns:
        list[int]: Place of each image in the other run.

    Raises:
        ValueError: If one has images that the other has not.
    """
    if set(paths) != set(others):
        below = [_below_common_folder(run) for run in (paths, others)]
        if set(below[0]) == set(below[1]):
            paths, others = below
    places = {path: index for index, path in enumerate(others)}
    missing = [path for path in paths if path not in places]
    extra = sorted(places.keys() - set(paths))
    if missing or extra:
        raise ValueError(
            f'{names[1]}: expected the {len(paths)} images of {names[0]}, got '
            f'{len(others)}: {len(missing)} are missing and {len(extra)} '
            f'extra, first {[*missing, *extra][0]}'
        )
    return [places[path] for path in paths]


def _below_common_folder(paths: Sequence[str]) -> list[str]:
    folder = os.path.commonpath(
        [os.path.dirname(os.path.abspath(path)) for path in paths]
    )
    return [os.path.relpath(path, folder) for path in paths]
