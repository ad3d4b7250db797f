# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""XML files of Pascal VOC's form, in which ILSVRC publishes its boxes."""

import os.path as osp
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from mmengine.fileio import get, get_file_backend, isdir

from .annotation_table import BoxCollector
from .text_fields import Box, Size, parse_box, parse_size


class VOCAnnotation(NamedTuple):
    """Content of one file.

    Attributes:
        size: Width and height of the image the annotator saw.
        boxes: Boxes ``x0, y0, x1, y1``, numbers as written.
        names: Class name of each box.
    """

    size: Size
    boxes: list[Box]
    names: list[str]


def read_voc_xml(path: str) -> VOCAnnotation:
    """Read the size and the boxes of one file.

    Raises:
        ValueError: If the file is no XML, or a field is missing or wrong;
            the message names the file and the object.
    """
    try:
        root = ElementTree.fromstring(get(path))
    except ElementTree.ParseError as error:
        line, column = error.position
        raise ValueError(
            f'{path}, line {line}, column {column}: not XML ({error})'
        ) from error
    except (LookupError, ValueError) as error:  # of the encoding it declares
        raise ValueError(f'{path}: not XML ({error})') from error
    where = ''
    try:
        size = parse_size(*_texts(root, 'size', ('width', 'height')))
        boxes, names = [], []
        corners = ('xmin', 'ymin', 'xmax', 'ymax')
        for index, item in enumerate(root.iterfind('object'), start=1):
            where = f', object {index}'
            fields = _texts(item, 'bndbox', corners)
            boxes.append(parse_box(fields, size, xywh=False))
            names.append(item.findtext('name', default=''))
    except ValueError as error:
        raise ValueError(f'{path}{where}: {error}') from error
    return VOCAnnotation(size, boxes, names)


def read_voc_boxes(
    paths: Sequence[str], folder: str
) -> tuple[BoxCollector, list[Size]]:
    """Read the files of a set of images.

    Files are found by the name of the image, ``<folder>/**/<name>.xml``. As
    in every published evaluation on ImageNet, all boxes of a file count as
    boxes of the class of the image.

    Args:
        paths: Paths of the images.
        folder: For instance ``ILSVRC/Annotations/CLS-LOC/val``.

    Returns:
        Boxes of the images in their order, and (width, height) of each.

    Raises:
        FileNotFoundError: If the folder does not exist, or an image has no
            file.
        ValueError: If a file is wrong or has no box, or two files or two
            images have one name.
    """
    if not isdir(folder):
        raise FileNotFoundError(
            f'{folder}: no such folder; expected the XML files of ILSVRC, '
            'for instance .../Annotations/CLS-LOC/val'
        )
    files = get_file_backend(folder, enable_singleton=True).list_dir_or_file(
        folder, list_dir=False, suffix='.xml', recursive=True
    )
    found = _by_name(files, f'{folder}: the files')
    names = _by_name(paths, f'{folder}: the images')
    missing = [name for name in names if name not in found]
    if missing:
        raise FileNotFoundError(
            f'{folder}: no XML file for {len(missing)} of {len(names)} '
            f'images, for instance {missing[0]}.xml'
        )
    boxes, sizes = BoxCollector(), []
    for index, name in enumerate(names):
        file = osp.join(folder, found[name])
        annotation = read_voc_xml(file)
        if not annotation.boxes:
            raise ValueError(f'{file}: there is no object with a box')
        sizes.append(annotation.size)
        for box in annotation.boxes:
            boxes.add(index, box)
    return boxes, sizes


def _by_name(paths: Iterable[str], what: str) -> dict[str, str]:
    """Paths by their names without folder and extension, in order."""
    found: dict[str, str] = {}
    for path in paths:
        name = osp.splitext(osp.basename(path))[0]
        if name in found:
            raise ValueError(
                f'{what} {found[name]} and {path} have one name: an XML file '
                'belongs to the image of its name'
            )
        found[name] = path
    return found


def _texts(
    parent: ElementTree.Element, tag: str, names: tuple[str, ...]
) -> list[str]:
    texts = [parent.findtext(f'{tag}/{name}') for name in names]
    if None in texts:
        missing = names[texts.index(None)]
        raise ValueError(f'there is no <{tag}><{missing}>')
    return [str(text) for text in texts]
