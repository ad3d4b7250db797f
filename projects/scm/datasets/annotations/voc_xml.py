# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""XML files of Pascal VOC's form, in which ILSVRC publishes its boxes."""

import math
import os.path as osp
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from mmengine.fileio import get, get_file_backend, isdir

from projects.scm.structures import box_problem
from projects.scm.utils.files import describe_beginning

from .annotation_table import BoxCollector
from .box_file import BoxFile, ListedBox
from .problems import AnnotationError, Problems, quote
from .text_fields import Box, Size, parse_number, parse_optional_size


class VOCAnnotation(NamedTuple):
    """Content of one file.

    Attributes:
        size: Width and height of the image the annotator saw; None where the
            file does not tell it, or tells 0 by 0.
        boxes: Boxes ``x0, y0, x1, y1``, numbers as written, finite.
        names: Class name of each box.
    """

    size: Size | None
    boxes: list[Box]
    names: list[str]


def read_voc_xml(path: str) -> VOCAnnotation:
    """Read the size and the boxes of one file.

    An object may have several ``bndbox``: each is a box of its class.

    Raises:
        AnnotationError: If the file is no XML, or a field is missing or
            wrong; the message names the file and the objects.
    """
    root = _parse(path)
    problems = Problems(path)
    size = None
    try:
        width, height = (
            root.findtext(f'size/{name}') for name in ('width', 'height')
        )
        size = parse_optional_size(width, height)
    except ValueError as error:
        problems.add(f'{path}: size: {error}')
    boxes, names = [], []
    for index, item in enumerate(root.iterfind('object'), start=1):
        where = f'{path}, object {index}'
        found = item.findall('bndbox')
        if not found:
            problems.add(f'{where}: there is no <bndbox>')
        for box in found:
            try:
                boxes.append(_read_box(box))
            except ValueError as error:
                problems.add(f'{where}: {error}')
            else:
                names.append((item.findtext('name') or '').strip())
    problems.check()
    return VOCAnnotation(size, boxes, names)


def _parse(path: str) -> ElementTree.Element:
    data = get(path)
    if b'<!ENTITY' in data:
        raise AnnotationError(
            f'{path}: defines entities, expected the plain XML of VOC'
        )
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        line, column = error.position
        reason = error
        if not data.lstrip().startswith(b'<'):
            reason = describe_beginning(data)
        raise AnnotationError(
            f'{path}, line {line}, column {column}: not XML ({reason})'
        ) from error
    except (LookupError, ValueError) as error:  # of the encoding it declares
        raise AnnotationError(f'{path}: not XML ({error})') from error
    if root.tag != 'annotation':
        raise AnnotationError(
            f'{path}: expected <annotation> of VOC, found {quote(root.tag)}'
        )
    return root


def _read_box(element: ElementTree.Element) -> Box:
    numbers = []
    for name in ('xmin', 'ymin', 'xmax', 'ymax'):
        text = element.findtext(name)
        if text is None:
            raise ValueError(f'there is no <bndbox><{name}>')
        number = parse_number(text.strip())
        if not math.isfinite(number):
            raise ValueError(f'<{name}> {quote(text)} is not finite')
        numbers.append(number)
    return tuple(numbers)


def read_voc_folder(folder: str | Path) -> BoxFile:
    """Read all XML files below a folder.

    Args:
        folder: The folder. Images are called as their files, without
            extension, by the path below it.

    Returns:
        BoxFile: Their content; problems of files are in ``problems``.

    Raises:
        FileNotFoundError: If there is no such folder, or no XML file in it.
    """
    folder = Path(folder)
    files = sorted(folder.rglob('*.xml')) if folder.is_dir() else []
    if not files:
        what = 'no .xml files' if folder.is_dir() else 'no such folder'
        raise FileNotFoundError(f'{folder}: {what}')
    found = BoxFile(str(folder), Problems(str(folder)))
    for file in files:
        with found.problems.collecting():
            annotation = read_voc_xml(str(file))
            name = file.relative_to(folder).as_posix()[: -len('.xml')]
            found.sizes[name] = annotation.size
            found.boxes += [
                ListedBox(name, box, label, f'{file}, box {index}')
                for index, (box, label) in enumerate(
                    zip(annotation.boxes, annotation.names, strict=True), 1
                )
            ]
    return found


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
        Boxes of the images in their order, and (width, height) of each, 0, 0
        where a file does not tell it.

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
    files = [osp.join(folder, found[name]) for name in names]
    boxes, sizes = BoxCollector(files), []
    problems = Problems(folder)
    for index, file in enumerate(files):
        with problems.collecting():
            annotation = read_voc_xml(file)
            if not annotation.boxes:
                problems.add(f'{file}: there is no object with a box')
            sizes.append(annotation.size or (0, 0))
            for number, box in enumerate(annotation.boxes, start=1):
                problem = box_problem(box, annotation.size)
                if problem:
                    problems.add(f'{file}, box {number} {list(box)} {problem}')
                boxes.add(index, box, number)
    problems.check()
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
