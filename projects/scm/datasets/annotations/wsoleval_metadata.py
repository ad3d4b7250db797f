# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The metadata folders of ``clovaai/wsolevaluation``.

A folder, for instance ``metadata/CUB/test``, holds ``image_ids.txt``,
``class_labels.txt``, ``image_sizes.txt`` and ``localization.txt``. The box
lists of CUB, CUBV2, ImageNet and ImageNetV2 are published in this form, and
the mask lists of OpenImages.
"""

import os.path as osp
from array import array
from functools import cache, partial
from itertools import count

from mmengine.fileio import exists

from projects.scm.structures import MaskFiles

from .annotation_table import NO_BOXES, AnnotationTable, BoxCollector
from .problems import Problems, quote
from .text_fields import (
    check_different,
    parse_box,
    parse_label,
    parse_lines,
    parse_optional_size,
    read_lines,
)

#: What a folder holds, for messages.
METADATA_LAYOUT = (
    'a metadata folder of wsolevaluation holds image_ids.txt, '
    'class_labels.txt, and localization.txt where boxes are needed'
)


def read_wsoleval(
    folder: str,
    *,
    with_boxes: bool,
    with_masks: bool = False,
    num_classes: int | None = None,
) -> AnnotationTable:
    """Read the metadata folder of one split.

    Args:
        folder: The folder.
        with_boxes: Whether to read ``localization.txt``; then every image
            needs a box. ``image_sizes.txt`` is read too, if there is one, and
            boxes are checked against it.
        with_masks: Whether ``localization.txt`` lists masks instead, and is
            read; then every image needs one. Defaults to False.
        num_classes: Number of classes, to check labels.

    Returns:
        The images in the order of ``image_ids.txt``.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a line, a label or a box is wrong, or the files do not
            list the same images.
    """
    ids = read_image_ids(osp.join(folder, 'image_ids.txt'))
    index = {image: i for i, image in enumerate(ids)}
    problems = Problems(folder)
    labels = sizes = boxes = masks = None
    listed = osp.join(folder, 'localization.txt')
    size_file = osp.join(folder, 'image_sizes.txt')
    with problems.collecting():
        labels = read_class_labels(
            osp.join(folder, 'class_labels.txt'), index, num_classes
        )
    if with_boxes:
        with problems.collecting():
            if exists(size_file):
                sizes = read_image_sizes(size_file, index)
        with problems.collecting():
            try:
                boxes = read_boxes(listed, index, sizes)
            except FileNotFoundError as error:
                raise FileNotFoundError(f'{error}. {NO_BOXES}') from error
    elif with_masks:
        with problems.collecting():
            masks = read_masks(listed, index)
    problems.check()
    table = AnnotationTable(ids, labels, boxes, sizes)
    if sizes:
        table.sizes_file = size_file
    if with_boxes:
        _check_complete(listed, ids, table.without_boxes(), f'. {NO_BOXES}')
    table.masks = masks
    return table


def read_image_ids(path: str) -> list[str]:
    """Read ``image_ids.txt``: one image path a line, none of them twice."""
    ids = read_lines(path, METADATA_LAYOUT)
    check_different(path, ids)
    return ids


def read_class_labels(
    path: str, index: dict[str, int], num_classes: int | None = None
) -> array:
    """Read ``class_labels.txt``.

    Args:
        path: The file, of lines ``<image>,<label>``.
        index: Image -> position; every one needs a label.
        num_classes: Number of classes, to check labels.

    Returns:
        Labels from 0, in the positions of ``index``.
    """
    labels = array('q', [-1]) * len(index)
    to_label = cache(partial(parse_label, first=0, num_classes=num_classes))

    def parse(line: str) -> None:
        image, label = _split_right(line, 1)
        position = _position(index, image)
        if labels[position] >= 0:
            raise ValueError(f'{image} is listed twice')
        labels[position] = to_label(label)

    parse_lines(path, '<image>,<label, from 0>', parse, METADATA_LAYOUT)
    _check_complete(path, index, [i for i, x in enumerate(labels) if x < 0])
    return labels


def read_image_sizes(path: str, index: dict[str, int]) -> array:
    """Read ``image_sizes.txt``.

    Args:
        path: The file, of lines ``<image>,<width>,<height>``.
        index: Image -> position; every one needs a size.

    Returns:
        Width and height of the first image, of the second, and so on; 0, 0
        where the file says so, which means that they are not known.
    """
    sizes = array('q', [-1, -1]) * len(index)
    to_size = cache(parse_optional_size)

    def parse(line: str) -> None:
        image, width, height = _split_right(line, 2)
        start = 2 * _position(index, image)
        if sizes[start] >= 0:
            raise ValueError(f'{image} is listed twice')
        size = to_size(width, height) or (0, 0)
        sizes[start], sizes[start + 1] = size

    parse_lines(path, '<image>,<width>,<height>', parse, METADATA_LAYOUT)
    _check_complete(
        path, index, [i for i, x in enumerate(sizes[::2]) if x < 0]
    )
    return sizes


def read_boxes(
    path: str, index: dict[str, int], sizes: array | None = None
) -> BoxCollector:
    """Read ``localization.txt`` of a set with boxes, one line a box.

    Args:
        path: The file, of lines ``<image>,<x0>,<y0>,<x1>,<y1>``.
        index: Image -> position.
        sizes: As :func:`read_image_sizes` returns them; boxes outside of
            their image are refused.

    Returns:
        Boxes in pixels of the original images.
    """
    boxes = BoxCollector(path)
    lines = count(1)

    def parse(line: str) -> None:
        number = next(lines)
        image, *fields = _split_right(line, 4)
        position = _position(index, image)
        size = sizes and (sizes[2 * position], sizes[2 * position + 1])
        if size == (0, 0):
            size = None
        box = parse_box(fields, size, xywh=False)
        boxes.add(position, box, number)

    form = '<image>,<x0>,<y0>,<x1>,<y1>'
    parse_lines(path, form, parse, METADATA_LAYOUT)
    return boxes


def read_masks(path: str, index: dict[str, int]) -> list[MaskFiles]:
    """Read ``localization.txt`` of a set with masks (OpenImages).

    Args:
        path: The file, of lines ``<image>,<mask>,<ignored part>``, one line
            an object; the ignored part stands in the first line of an image.
        index: Image -> position; every one needs a mask.

    Returns:
        Masks of the images, relative to the folder of the masks.
    """
    objects: list[list[str]] = [[] for _ in index]
    ignored: list[str | None] = [None] * len(index)

    def parse(line: str) -> None:
        image, mask, ignore = _split_right(line, 2)
        if not all(name.endswith('.png') for name in (mask, ignore or mask)):
            raise ValueError('a mask is not a .png file')
        position = _position(index, image)
        objects[position].append(mask)
        ignored[position] = ignored[position] or ignore or None

    form = '<image>,<mask>.png,<ignored part>.png or nothing'
    parse_lines(path, form, parse, METADATA_LAYOUT)
    missing = [i for i, found in enumerate(objects) if not found]
    _check_complete(path, index, missing)
    return [MaskFiles(*files) for files in zip(objects, ignored, strict=True)]


def _split_right(line: str, count: int) -> list[str]:
    """Split off ``count`` fields; paths of images may contain commas."""
    fields = line.rsplit(',', count)
    if len(fields) != count + 1 or not fields[0]:
        raise ValueError(f'there are fewer than {count + 1} fields')
    return fields


def _position(index: dict[str, int], image: str) -> int:
    try:
        return index[image]
    except KeyError:
        raise ValueError(f'{quote(image)} is not in image_ids.txt') from None


def _check_complete(
    path: str,
    images: list[str] | dict[str, int],
    missing: list[int],
    cure: str = '',
) -> None:
    if missing:
        raise ValueError(
            f'{path}: {len(missing)} of {len(images)} images of '
            f'image_ids.txt are missing, for instance '
            f'{list(images)[missing[0]]}{cure}'
        )
