# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes of COCO, CSV and VOC files, and the images they belong to."""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

Box = tuple[float, float, float, float]


class ConversionError(Exception):
    """The set cannot be converted; the message lists why."""


@dataclass
class Photograph:
    """One image.

    Attributes:
        file: Where it lies.
        key: Its path below the folder of images, with slashes.
        label: Name of its class.
        test: Whether it belongs to the test split.
        prefix: Goes before its name, against equal names in two folders.
        size: Width and height of the upright image.
        turned: Whether its EXIF tag turns it.
        boxes: ``x0, y0, x1, y1`` in pixels of the upright image.
    """

    file: Path
    key: str
    label: str
    test: bool = False
    prefix: str = ''
    size: tuple[int, int] = (0, 0)
    turned: bool = False
    boxes: list[Box] = field(default_factory=list)


class BoxRow(NamedTuple):
    """One box as a file gives it.

    Attributes:
        image: Path or name of the image.
        box: ``x0, y0, x1, y1`` in pixels.
        label: Name of the class of the box, or None where files say nothing.
        where: File and place in it, for messages.
    """

    image: str
    box: Box
    label: str | None
    where: str


def match_boxes(
    photographs: list[Photograph],
    rows: Iterable[BoxRow],
) -> tuple[list[str], int]:
    """Give boxes to images.

    Args:
        photographs: The images.
        rows: Their boxes.

    Returns:
        Problems, and the number of boxes of other classes.
    """
    from projects.scm.structures import fit_boxes

    by_key = {photo.key: photo for photo in photographs}
    names = Counter(photo.file.name for photo in photographs)
    by_name = {photo.file.name: photo for photo in photographs}
    problems, others = [], 0
    for name, box, label, where in rows:
        name = Path(name).as_posix()
        photo = by_key.get(name)
        if photo is None and names[name] == 1:
            photo = by_name[name]
        if photo is None:
            reason = (
                f'{names[name]} images have this name, expected a path'
                if names[name]
                else 'there is no such image'
            )
            problems.append(f'{where}: {name}: {reason}')
            continue
        if label is not None and label != photo.label:
            others += 1
            continue
        size = photo.size if min(photo.size) > 0 else None
        try:
            fitted = fit_boxes([box], size, name=f'{where}: {name}')
        except ValueError as error:
            problems.append(str(error))
            continue
        photo.boxes += map(tuple, fitted.boxes.tolist())
    problems += [
        f'{photo.file}: an image of the test split without a box'
        for photo in photographs
        if photo.test and not photo.boxes
    ]
    return problems, others


def read_coco(path: Path) -> tuple[list[BoxRow], int]:
    """Read COCO's JSON: boxes, and the number of crowds left out."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        names = {item['id']: item['file_name'] for item in content['images']}
        labels = {c['id']: c['name'] for c in content['categories']}
        rows, crowds = [], 0
        for index, item in enumerate(content['annotations']):
            if item.get('iscrowd'):
                crowds += 1
                continue
            x, y, width, height = map(float, item['bbox'])
            rows.append(
                BoxRow(
                    names[item['image_id']],
                    (x, y, x + width, y + height),
                    labels[item['category_id']],
                    f'{path}, annotation {item.get("id", index)}',
                )
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConversionError(
            f'{path}: expected the JSON of COCO with images (id, file_name), '
            'categories (id, name) and annotations (image_id, category_id, '
            f'bbox); {type(error).__name__}: {error}'
        ) from error
    return rows, crowds


def read_csv(path: Path) -> list[BoxRow]:
    """Read a CSV file."""
    corners, sides = ('x0', 'y0', 'x1', 'y1'), ('x', 'y', 'width', 'height')
    rows = []
    try:
        with path.open(encoding='utf-8-sig', newline='') as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or []
            columns = next(
                (c for c in (corners, sides) if {'path', *c} <= {*header}),
                None,
            )
            if columns is None:
                raise ConversionError(
                    f'{path}, line 1: expected the columns path,x0,y0,x1,y1 '
                    f'or path,x,y,width,height, found {header}'
                )
            for row in reader:
                where = f'{path}, line {reader.line_num}'
                try:
                    box = tuple(float(row[name]) for name in columns)
                except (TypeError, ValueError):
                    found = [row[name] for name in columns]
                    raise ConversionError(
                        f'{where}: expected four numbers, found {found}'
                    ) from None
                if not row['path']:
                    raise ConversionError(f'{where}: there is no path')
                if columns is sides:
                    x, y, width, height = box
                    box = (x, y, x + width, y + height)
                rows.append(BoxRow(row['path'], box, None, where))
    except (OSError, UnicodeDecodeError) as error:
        raise ConversionError(f'{path}: {error}') from error
    return rows


def read_voc(folder: Path, photographs: list[Photograph]) -> list[BoxRow]:
    """Read the XML files of images."""
    from projects.scm.datasets.annotations import read_voc_xml

    if not folder.is_dir():
        raise ConversionError(f'{folder}: no such folder')
    files = defaultdict(list)
    for photo in photographs:
        files[photo.file.stem].append(photo.key)
    rows = []
    for file in sorted(folder.rglob('*.xml')):
        try:
            annotation = read_voc_xml(str(file))
        except ValueError as error:
            raise ConversionError(str(error)) from error
        keys = files.get(file.stem, [])
        if len(keys) != 1:
            raise ConversionError(
                f'{file}: expected one image of this name, found {len(keys)}'
            )
        pairs = zip(annotation.boxes, annotation.names, strict=True)
        rows += [BoxRow(keys[0], box, name, str(file)) for box, name in pairs]
    return rows
