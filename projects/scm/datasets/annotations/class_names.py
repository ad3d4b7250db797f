# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Files of class names."""

import os
import re

from .problems import Problems, quote
from .text_fields import find_repeated, parse_int, read_lines

#: Characters of a name; more is no list of names.
_LONGEST = 500


def read_class_names(path: str | os.PathLike) -> tuple[str, ...]:
    """Read names of classes in the order of their labels.

    Args:
        path: Lines ``<name>``, or lines ``<class id, from 1> <name>`` as in
            CUB's ``classes.txt``, in any order. The numbers before the names
            of CUB (``001.Black_footed_Albatross``) are no part of the name.

    Returns:
        Names by label, from 0.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If a line is empty, too long or no text, ids are not
            1 to their number, or a name occurs twice.
    """
    path = os.fspath(path)
    lines = read_lines(path)
    problems = Problems(path)
    for number, line in enumerate(lines, start=1):
        if len(line) > _LONGEST or '\0' in line:
            problems.add(
                f'{path}, line {number}: expected a name of at most '
                f'{_LONGEST} characters, found {len(line)}: {quote(line)}'
            )
    problems.check()
    fields = [line.split(maxsplit=1) for line in lines]
    if all(len(f) == 2 and f[0].isdecimal() for f in fields):
        names = _by_id(path, fields, problems)
    else:
        names = {number: line.strip() for number, line in enumerate(lines, 1)}
    names = {
        key: re.sub(r'^[0-9]+[.](?=.)', '', name)
        for key, name in names.items()
    }
    for key, first, name in find_repeated(names.items()):
        problems.add(
            f'{path}: classes {first} and {key} are both called {quote(name)}'
        )
    problems.check()
    return tuple(names[key] for key in sorted(names))


def _by_id(
    path: str, fields: list[list[str]], problems: Problems
) -> dict[int, str]:
    names: dict[int, str] = {}
    for number, (text, name) in enumerate(fields, start=1):
        try:
            key = parse_int(text, 'id')
            if key in names:
                raise ValueError(f'id {key} is listed twice')
        except ValueError as error:
            problems.add(f'{path}, line {number}: {error}')
            continue
        names[key] = name
    problems.check()
    if sorted(names) != list(range(1, len(names) + 1)):
        problems.add(
            f'{path}: expected the class ids 1 to {len(names)}, found '
            f'{min(names)} to {max(names)}'
        )
    problems.check()
    return names
