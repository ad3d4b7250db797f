# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes in COCO's JSON."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from projects.scm.utils.files import other_kind

from .box_file import BoxFile, ListedBox
from .problems import AnnotationError, Problems, quote
from .text_fields import Size

_FORM = (
    'the JSON of COCO: images (id, file_name and, if known, width, height), '
    'categories (id, name) and annotations (image_id, category_id, bbox)'
)


def read_coco(path: str | Path) -> BoxFile:
    """Read a file of COCO's form.

    Boxes become ``x, y, x + width, y + height``. Crowds are left out and
    counted. Labels are the names of the categories, or their ids where the
    file has none.

    Args:
        path: The file.

    Returns:
        BoxFile: Its content; problems of entries are in ``problems``.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If it is no JSON of this form at all.
    """
    content = _load(Path(path))
    found = BoxFile(str(path), Problems(str(path)))
    names = _images(found, content['images'])
    _categories(found, content.get('categories', []))
    for index, item in enumerate(content['annotations']):
        where = f'{path}, annotation {index}'
        if not isinstance(item, dict):
            found.problems.add(
                f'{where}: expected an object, found {quote(item)}'
            )
            continue
        if 'id' in item:
            where += f' (id {quote(item["id"])})'
        image = _known(found, where, item, 'image_id', names)
        label = item.get('category_id')
        if found.categories:
            label = _known(found, where, item, 'category_id', found.categories)
        elif not _is_id(label):
            found.problems.add(
                f'{where}: category_id: expected an id, found {quote(label)}'
            )
        if item.get('iscrowd'):
            found.left_out['crowds left out'] += 1
            continue
        sides = item.get('bbox')
        if not _is_box(sides):
            found.problems.add(
                f'{where}: bbox: expected four finite numbers x, y, width, '
                f'height, found {quote(sides)}'
            )
        elif image is not None and label is not None:
            x, y, width, height = map(float, sides)
            box = (x, y, x + width, y + height)
            found.boxes.append(ListedBox(image, box, label, where))
    return found


def _load(path: Path) -> dict[str, list]:
    def refuse(text: str) -> NoReturn:
        raise ValueError(f'{text} is no number of JSON')

    try:
        content = json.loads(
            path.read_text(encoding='utf-8-sig'), parse_constant=refuse
        )
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: no such file') from error
    except (OSError, ValueError, RecursionError) as error:
        with path.open('rb') as file:
            kind = other_kind(file.read(512))
        reason = f'it is {kind}' if kind else f'{error!s:.200}'
        raise AnnotationError(
            f'{path}: not JSON ({reason}); expected {_FORM}'
        ) from error
    if not isinstance(content, dict):
        raise AnnotationError(
            f'{path}: a {type(content).__name__}; expected {_FORM}'
        )
    for key in ('images', 'annotations', 'categories'):
        default = [] if key == 'categories' else None
        if not isinstance(content.get(key, default), list):
            raise AnnotationError(
                f'{path}: {key}: expected a list, found '
                f'{quote(content.get(key))}; expected {_FORM}'
            )
    return content


def _entries(found: BoxFile, items: list, what: str) -> Iterator[tuple]:
    """Objects of a list that have an id of their own."""
    seen = set()
    for index, item in enumerate(items):
        where = f'{found.source}, {what} {index}'
        key = item.get('id') if isinstance(item, dict) else None
        if not _is_id(key):
            found.problems.add(
                f'{where}: id: expected a number or text, found '
                f'{quote(item if key is None else key)}'
            )
        elif key in seen:
            found.problems.add(f'{where}: id {quote(key)} is listed twice')
        else:
            seen.add(key)
            yield where, key, item


def _images(found: BoxFile, items: list) -> dict[Any, str]:
    """Names of images by their ids; sizes go into the file."""
    names = {}
    for where, key, item in _entries(found, items, 'image'):
        name = item.get('file_name')
        if not _is_text(found, where, item, 'file_name'):
            name = f'(image of id {key})'
        elif name in found.sizes:
            found.problems.add(
                f'{where}: file_name {quote(name)} occurs twice'
            )
        names[key] = name
        found.sizes[name] = _size(found, where, item)
    return names


def _size(found: BoxFile, where: str, item: dict) -> Size | None:
    sides = item.get('width'), item.get('height')
    if sides == (None, None) or sides == (0, 0):
        return None
    whole = all(_is_number(side) and side == int(side) for side in sides)
    if not whole or min(sides) <= 0:
        found.problems.add(
            f'{where}: width, height: expected two positive whole numbers, '
            f'found {quote(list(sides))}'
        )
        return None
    return int(sides[0]), int(sides[1])


def _categories(found: BoxFile, items: list) -> None:
    for where, key, item in _entries(found, items, 'category'):
        name = item.get('name')
        if (
            _is_text(found, where, item, 'name')
            and name in found.categories.values()
        ):
            found.problems.add(f'{where}: name {quote(name)} occurs twice')
        found.categories[key] = str(name)


def _is_text(found: BoxFile, where: str, item: dict, field: str) -> bool:
    """Whether a field is text; note it where it is not."""
    text = item.get(field)
    if isinstance(text, str) and text.strip():
        return True
    found.problems.add(f'{where}: {field}: expected text, found {quote(text)}')
    return False


def _known(
    found: BoxFile, where: str, item: dict, field: str, known: dict
) -> Any:
    """What an id of an annotation stands for, or None."""
    key = item.get(field)
    if _is_id(key) and key in known:
        return known[key]
    some = ', '.join(quote(value) for value in list(known)[:5])
    more = ', …' if len(known) > 5 else ''
    found.problems.add(
        f'{where}: {field}: expected one of the {len(known)} ids '
        f'{some}{more}, found {quote(key)}'
    )
    return None


def _is_id(value: Any) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False


def _is_box(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 4
        and all(map(_is_number, value))
    )
