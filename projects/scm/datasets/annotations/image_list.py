# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Lists ``<path> <label> [<x0> <y0> <x1> <y1> ...]``, one line an image.

TS-CAM publishes the validation boxes of ImageNet in this form
(``val_folder_new.txt``). Without boxes it is the ``meta/val.txt`` that
MMPretrain reads.
"""

from array import array
from functools import cache, partial

from .annotation_table import NO_BOXES, AnnotationTable, BoxCollector
from .text_fields import check_different, parse_box, parse_label, parse_lines

_FORM = '<path> <label, from 0> [<x0> <y0> <x1> <y1>]...'


def read_image_list(
    path: str,
    *,
    with_boxes: bool,
    num_classes: int | None = None,
) -> AnnotationTable:
    """Read a list of images, labels and boxes.

    Args:
        path: The list. Paths in it contain no spaces.
        with_boxes: Whether boxes are needed; then every line has at least
            one, and no image is listed twice. Otherwise boxes are not
            parsed, and images may be listed several times.
        num_classes: Number of classes, to check labels.

    Returns:
        One item a line.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line, a label or a box is wrong.
    """
    images: list[str] = []
    labels = array('q')
    to_label = cache(partial(parse_label, first=0, num_classes=num_classes))
    boxes = BoxCollector(path) if with_boxes else None

    def parse(line: str) -> None:
        image, *fields = line.split()
        if not fields:
            raise ValueError('there is no label')
        labels.append(to_label(fields[0]))
        if boxes is not None:
            numbers = fields[1:]
            if not numbers or len(numbers) % 4:
                raise ValueError(
                    f'{len(numbers)} numbers follow the label, expected four '
                    'for each box and at least one box'
                    + (f'. {NO_BOXES}' if not numbers else '')
                )
            for i in range(0, len(numbers), 4):
                box = parse_box(numbers[i : i + 4], None, xywh=False)
                boxes.add(len(images), box, len(images) + 1)
        images.append(image)

    parse_lines(path, _FORM, parse)
    if with_boxes:
        check_different(path, images)
    return AnnotationTable(images, labels, boxes)
