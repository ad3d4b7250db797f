# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Listed images stay in their folder."""

import posixpath
import re
from collections.abc import Iterable

from .problems import Problems

_ABSOLUTE = re.compile(r'[/\\]|[A-Za-z]:[/\\]|[A-Za-z][A-Za-z0-9+.-]*://')


def leaves_folder(path: str) -> bool:
    """Whether a listed path names something outside of its folder.

    Judged by the text alone: links may point wherever they like.

    Args:
        path: As an annotation lists it.
    """
    if _ABSOLUTE.match(path):
        return True
    if '..' not in path:
        return False
    return posixpath.normpath(path.replace('\\', '/')).startswith('../')


def check_inside(paths: Iterable[str], folder: str) -> None:
    """Refuse lists of images outside of their folder.

    Args:
        paths: As an annotation lists them.
        folder: Of the images, for the message.

    Raises:
        ValueError: If a path is absolute, an address, or climbs out by
            ``..``; tells all of them.
    """
    problems = Problems(folder)
    for path in paths:
        if leaves_folder(path):
            problems.add(
                f'{path!r:.200} is listed: expected a path below {folder} '
                '(allow_outside=True of the dataset takes any)'
            )
    problems.check()
