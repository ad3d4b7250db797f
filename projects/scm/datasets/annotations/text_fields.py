# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Lines of annotation files, and errors that say where and what."""

import re
from collections.abc import Callable, Iterable, Iterator

from mmengine.fileio import get_text

from projects.scm.structures import box_problem
from projects.scm.utils.files import other_kind

from .problems import AnnotationError, Problems, quote

Size = tuple[int, int]
Box = tuple[float, float, float, float]

_INTEGER = re.compile(r'[+-]?[0-9]{1,18}')


def read_lines(path: str, needed_for: str = '') -> list[str]:
    """Read the lines of a text file of any storage that MMEngine knows.

    Args:
        path: File; UTF-8, with or without a byte order mark. Whether the
            last line ends in a newline makes no difference.
        needed_for: What the file is needed for, for the message if it is
            missing.

    Returns:
        Lines without line ends and without white space before them. Empty
        lines at the end are left out.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not UTF-8 text, is empty, or has an empty
            line between others.
    """
    try:
        text = get_text(path, encoding='utf-8-sig')
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(
            f'{path}: no such file{needed_for and f"; {needed_for}"}'
        ) from error
    except UnicodeDecodeError as error:
        raise AnnotationError(f'{path}: not UTF-8 text ({error})') from error
    kind = other_kind(text[:512].encode())
    if kind:
        raise AnnotationError(f'{path}: is {kind}')
    text = text.rstrip()
    if not text:
        raise AnnotationError(f'{path}: the file is empty')
    lines = [line.rstrip() for line in text.split('\n')]
    if '' in lines:
        number = lines.index('') + 1
        raise AnnotationError(f'{path}, line {number}: the line is empty')
    return lines


def parse_lines(
    path: str,
    form: str,
    parse: Callable[[str], None],
    needed_for: str = '',
) -> None:
    """Give every line of a file to ``parse``; say where it fails.

    Args:
        path: File, see :func:`read_lines`.
        form: What a line looks like, for messages.
        parse: Called with each line. Raises ``ValueError`` with the reason
            if it cannot make sense of it.
        needed_for: See :func:`read_lines`.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: Names of every wrong line the file, its number, the
            reason, the expected form and the text.
    """
    problems = Problems(path)
    for number, line in enumerate(read_lines(path, needed_for), start=1):
        try:
            parse(line)
        except ValueError as error:
            problems.add(
                f'{path}, line {number}: {error}; expected {form!r}, found '
                f'{quote(line)}'
            )
    problems.check()


def check_different(path: str, images: list[str]) -> None:
    """Refuse a file whose lines name an image twice.

    Args:
        path: The file, for the message.
        images: The image of each of its lines.

    Raises:
        ValueError: Names the file, the second line and the image.
    """
    if len(set(images)) == len(images):
        return
    problems = Problems(path)
    for number, first, image in find_repeated(enumerate(images, start=1)):
        problems.add(
            f'{path}, line {number}: {quote(image)} is listed twice, first in '
            f'line {first}'
        )
    problems.check()


def find_repeated(
    items: Iterable[tuple[int, str]],
) -> Iterator[tuple[int, int, str]]:
    """Of keys and values: key, first key and value where one stands again."""
    seen: dict[str, int] = {}
    for key, value in items:
        first = seen.setdefault(value, key)
        if first != key:
            yield key, first, value


def parse_int(text: str, name: str) -> int:
    """Return ``text`` as an integer, or say which field is none."""
    # Python's int() also takes 1_0, digits of other scripts, any length.
    if not _INTEGER.fullmatch(text.strip()):
        raise ValueError(f'{name} {quote(text)} is not an integer')
    return int(text)


def parse_number(text: str) -> float:
    """Return ``text`` as a float, or say that it is none."""
    if '_' in text or not text.isascii():  # float() takes 1_0
        raise ValueError(f'expected a number, found {quote(text)}')
    try:
        return float(text)
    except ValueError:
        raise ValueError(f'expected a number, found {quote(text)}') from None


def parse_label(text: str, first: int, num_classes: int | None) -> int:
    """Return a class index counted from 0.

    Args:
        text: The label as it is written.
        first: Number of the first class in the file: 0 or 1.
        num_classes: Number of classes, or None to check the lower end only.

    Raises:
        ValueError: If the label is not an integer or is out of range.
    """
    label = parse_int(text, 'label')
    last = None if num_classes is None else num_classes - 1 + first
    if label < first or (last is not None and label > last):
        bound = f'at least {first}' if last is None else f'{first} to {last}'
        raise ValueError(f'label {label} is out of range, expected {bound}')
    return label - first


def parse_optional_size(width: str | None, height: str | None) -> Size | None:
    """Return an image size, or None where it is absent or 0 by 0.

    Args:
        width: As it is written: a whole number, ``200`` or ``200.0``.
        height: The same.

    Raises:
        ValueError: If it is anything else.
    """
    texts = [(text or '').strip() for text in (width, height)]
    if not any(texts):
        return None
    sides = []
    for name, text in zip(('width', 'height'), texts, strict=True):
        whole, _, zeros = text.partition('.')
        if zeros.strip('0'):
            raise ValueError(f'{name} {quote(text)} is not an integer')
        sides.append(parse_int(whole, name))
    if sides == [0, 0]:
        return None
    if min(sides) <= 0:
        raise ValueError(f'image size {sides[0]}x{sides[1]} is not positive')
    return sides[0], sides[1]


def parse_box(fields: list[str], size: Size | None, *, xywh: bool) -> Box:
    """Return a box as ``x0, y0, x1, y1`` in pixels of the image.

    Args:
        fields: Four numbers as they are written.
        size: Width and height of the image, where they are known.
        xywh: Whether the numbers are ``x, y, width, height`` instead of
            ``x0, y0, x1, y1``.

    Raises:
        ValueError: If these are not four finite numbers, or the box has no
            area or leaves the image.
    """
    text = ''.join(fields)
    try:
        if '_' in text or not text.isascii():  # float() takes 1_0
            raise ValueError
        x0, y0, x1, y1 = map(float, fields)
    except ValueError:
        raise ValueError(f'{quote(fields)} are not four numbers') from None
    if xywh:
        x1, y1 = x0 + x1, y0 + y1
    width, height = size or (float('inf'), float('inf'))
    # Millions of boxes pass here: only what looks odd is looked at again.
    if (
        not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height)
        or (x1 <= 1 and y1 <= 1)
        or (size is None and max(x1, y1) == float('inf'))
    ):
        problem = box_problem((x0, y0, x1, y1), size)
        if problem:
            raise ValueError(f'box {[x0, y0, x1, y1]} {problem}')
    return x0, y0, x1, y1
