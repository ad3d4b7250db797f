# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The annotation files of CUB-200-2011, and of any folder laid out like it."""

import os.path as osp
from collections.abc import Callable
from itertools import count
from typing import Any

from .annotation_table import NO_BOXES, AnnotationTable, BoxCollector
from .problems import Problems
from .text_fields import (
    find_repeated,
    parse_box,
    parse_int,
    parse_label,
    parse_lines,
)

#: What the folder holds, for messages.
CUB_LAYOUT = (
    'a folder in the layout of CUB-200-2011 holds images/<class>/<image>, '
    'images.txt, image_class_labels.txt, train_test_split.txt, and '
    'bounding_boxes.txt where boxes are needed'
)
_FLAGS = {'train': '1', 'test': '0'}


def read_cub(
    root: str,
    split: str,
    *,
    with_boxes: bool,
    num_classes: int | None = None,
) -> AnnotationTable:
    """Read one split of a folder in CUB's layout.

    Args:
        root: The folder that holds ``images.txt`` and its companions.
        split: ``'train'`` or ``'test'``.
        with_boxes: Whether to read ``bounding_boxes.txt``; then every image
            of the split needs a box. CUB has one box an image; several lines
            with one image id are several boxes.
        num_classes: Number of classes, to check labels.

    Returns:
        The images in the order of ``images.txt``, with paths relative to
        ``images``. Boxes are ``x, y, x + width, y + height``; several of the
        published ones leave their image, whose size is not known here. Once
        it is, they end at its last pixel, as in wsolevaluation's lists.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a line, a label or a box is wrong, or the files do not
            list the same images.
    """
    problems = Problems(root)
    paths, labels, flags = {}, {}, {}
    for column, name, form, parse in (
        (paths, 'images.txt', '<image id> <path>', str),
        (
            labels,
            'image_class_labels.txt',
            '<image id> <class id, from 1>',
            lambda text: parse_label(text, 1, num_classes),
        ),
        (
            flags,
            'train_test_split.txt',
            '<image id> <1: train, 0: test>',
            _parse_flag,
        ),
    ):
        with problems.collecting():
            column.update(_read_column(root, name, form, parse))
    problems.check()
    _check_same_ids(root, paths, labels, 'image_class_labels.txt')
    _check_same_ids(root, paths, flags, 'train_test_split.txt')
    for key, first, path in find_repeated(paths.items()):
        raise ValueError(
            f'{osp.join(root, "images.txt")}: ids {first} and {key} are the '
            f'same image, {path}'
        )

    chosen = [key for key in paths if flags[key] == _FLAGS[split]]
    if not chosen:
        raise ValueError(
            f'{osp.join(root, "train_test_split.txt")}: no image is in the '
            f'{split} split (flag {_FLAGS[split]})'
        )
    boxes = None
    if with_boxes:
        try:
            boxes = _read_boxes(root, paths, chosen)
        except FileNotFoundError as error:
            raise FileNotFoundError(f'{error}. {NO_BOXES}') from error
    table = AnnotationTable(
        [paths[key] for key in chosen],
        [labels[key] for key in chosen],
        boxes,
        boxes_end='last_pixel',
    )
    missing = table.without_boxes() if with_boxes else []
    if missing:
        raise ValueError(
            f'{osp.join(root, "bounding_boxes.txt")}: no box for '
            f'{len(missing)} of {len(table)} images of the {split} split, '
            f'for instance {table.paths[missing[0]]}. {NO_BOXES}'
        )
    return table


def _read_column(
    root: str, name: str, form: str, parse_value: Callable[[str], Any]
) -> dict[int, Any]:
    """Read a file of ids and values."""
    column: dict[int, Any] = {}

    def parse(line: str) -> None:
        text, *value = line.split(maxsplit=1)
        key = parse_int(text, 'id')
        if not value:
            raise ValueError('there is no second field')
        if key in column:
            raise ValueError(f'id {key} is listed twice')
        column[key] = parse_value(value[0])

    parse_lines(osp.join(root, name), form, parse, CUB_LAYOUT)
    return column


def _read_boxes(
    root: str, paths: dict[int, str], chosen: list[int]
) -> BoxCollector:
    """Read the boxes of the chosen images; the others are checked too."""
    file = osp.join(root, 'bounding_boxes.txt')
    boxes = BoxCollector(file)
    index = {key: i for i, key in enumerate(chosen)}
    lines = count(1)

    def parse(line: str) -> None:
        number = next(lines)
        text, *fields = line.split()
        key = parse_int(text, 'id')
        if key not in paths:
            raise ValueError(f'id {key} is not in images.txt')
        box = parse_box(fields, None, xywh=True)
        if key in index:
            boxes.add(index[key], box, number)

    parse_lines(
        file,
        '<image id> <x> <y> <width> <height>',
        parse,
        CUB_LAYOUT,
    )
    return boxes


def _parse_flag(text: str) -> str:
    if text not in _FLAGS.values():
        raise ValueError(f'split flag {text!r} is neither 0 nor 1')
    return text


def _check_same_ids(root: str, paths: dict, column: dict, name: str) -> None:
    for here, there, file, other in (
        (column, paths, name, 'images.txt'),
        (paths, column, 'images.txt', name),
    ):
        missing = sorted(there.keys() - here.keys())
        if missing:
            raise ValueError(
                f'{osp.join(root, file)}: no line for {len(missing)} of the '
                f'{len(there)} image ids of {other}, for instance '
                f'{missing[0]}'
            )
