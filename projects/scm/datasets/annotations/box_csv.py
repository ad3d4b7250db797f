# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes in CSV files, one line a box."""

import csv
import math
from collections import Counter
from pathlib import Path

from projects.scm.utils.files import other_kind

from .box_file import BoxFile, ListedBox
from .problems import AnnotationError, Problems, quote
from .text_fields import parse_number, parse_optional_size

_CORNERS = ('x0', 'y0', 'x1', 'y1')
_SIDES = ('x', 'y', 'width', 'height')

#: Columns that tell the class of a box, the first that is there.
LABEL_COLUMNS = ('class', 'class_name', 'category', 'name', 'label')

_FORM = (
    'a header with the columns path,x0,y0,x1,y1 (and, if known, width,height '
    'of the picture) or path,x,y,width,height (and image_width,image_height), '
    f'and at most a class as {", ".join(LABEL_COLUMNS)}'
)


def read_csv_boxes(path: str | Path) -> BoxFile:
    """Read a CSV file of boxes, ``results.csv`` of this project included.

    Lines whose four numbers are all empty tell that an image has no box.

    Args:
        path: The file, separated by commas, semicolons or tabs.

    Returns:
        BoxFile: Its content; problems of lines are in ``problems``. Labels
        are text, or None where there is no such column.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If it is no text, or its header is wrong.
    """
    path = Path(path)
    found = BoxFile(str(path), Problems(str(path)))
    number = 1
    try:
        with path.open(encoding='utf-8-sig', newline='') as file:
            kind = other_kind(file.read(512).encode())
            if kind:
                raise AnnotationError(f'{path}: is {kind}')
            file.seek(0)
            header = file.readline(100_000)
            file.seek(0)
            delimiter = max(',;\t', key=header.count)
            reader = csv.reader(file, delimiter=delimiter)
            columns = [name.strip() for name in next(reader, [])]
            corners, size = _choose(path, columns)
            for row in reader:
                number = reader.line_num
                where = f'{path}, line {number}'
                try:
                    _read_row(found, columns, corners, size, row, where)
                except ValueError as error:
                    found.problems.add(f'{where}: {error}')
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: no such file') from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AnnotationError(
            f'{path}, line {number} or below: not CSV ({error})'
        ) from error
    return found


def _choose(
    path: Path, columns: list[str]
) -> tuple[tuple[str, ...], tuple[str, str] | None]:
    """Columns of the box, and those of the picture's size."""
    twice = [quote(c) for c, count in Counter(columns).items() if count > 1]
    if twice:
        raise AnnotationError(
            f'{path}, line 1: columns {", ".join(twice[:10])} occur twice, '
            f'found {quote(columns)}; expected {_FORM}'
        )
    for box, size in (
        (_CORNERS, ('width', 'height')),
        (_SIDES, ('image_width', 'image_height')),
    ):
        if {'path', *box} <= {*columns}:
            return box, size if {*size} <= {*columns} else None
    missing = sorted({'path', *_CORNERS} - {*columns})
    raise AnnotationError(
        f'{path}, line 1: missing columns {missing}, found {quote(columns)}; '
        f'expected {_FORM}'
    )


def _read_row(
    found: BoxFile,
    columns: list[str],
    corners: tuple[str, ...],
    size_columns: tuple[str, str] | None,
    row: list[str],
    where: str,
) -> None:
    """Take a line; raises ``ValueError`` with the reason if it is wrong."""
    if not any(cell.strip() for cell in row):
        return
    if len(row) != len(columns):
        raise ValueError(
            f'expected {len(columns)} fields, as the header has, found '
            f'{len(row)}: {quote(row)}'
        )
    cells = dict(zip(columns, map(str.strip, row), strict=True))
    image = cells['path']
    if not image:
        raise ValueError(f'there is no path, found {quote(row)}')
    try:
        size = size_columns and parse_optional_size(
            *(cells[c] for c in size_columns)
        )
        known = found.sizes.setdefault(image, size)
        if known != size:
            raise ValueError(
                f'size {size} of the picture, before it was {known}'
            )
        fields = [cells[name] for name in corners]
        if not any(fields):
            found.left_out['images without a box'] += 1
            return
        box = tuple(parse_number(field) for field in fields)
        if not all(map(math.isfinite, box)):
            raise ValueError(f'expected finite numbers, found {quote(fields)}')
    except ValueError as error:
        raise ValueError(f'{quote(image)}: {error}') from error
    if corners is _SIDES:
        x, y, width, height = box
        box = (x, y, x + width, y + height)
    column = next((c for c in LABEL_COLUMNS if c in cells), None)
    label = (cells[column] or None) if column else None
    found.boxes.append(ListedBox(image, box, label, where))
