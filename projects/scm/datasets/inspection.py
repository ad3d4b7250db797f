# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Finds what a training or validation would stumble over, before it begins."""

import os
from collections import defaultdict
from typing import Any

from PIL import Image

from .transforms.box_checks import fit_annotation

#: Images whose sizes are looked up for their boxes; a file is opened each.
MAX_OPENED = 10_000


def find_missing_images(dataset: Any) -> list[str]:
    """Find listed images that are not there.

    Folders are listed once each: a million images take seconds.

    Args:
        dataset (Any): With ``get_data_info``, whose items have ``img_path``.
            Images that are not on a disk (``s3://…``) are passed over.

    Returns:
        list[str]: Paths, in the order of the dataset.
    """
    listed = [
        str(info['img_path'])
        for info in map(dataset.get_data_info, range(len(dataset)))
        if info.get('img_path') and '://' not in str(info['img_path'])
    ]
    names: dict[str, set[str]] = defaultdict(set)
    for path in listed:
        folder = os.path.dirname(path)
        if folder not in names and os.path.isdir(folder):
            names[folder] = set(os.listdir(folder))
    # What is not in the list of a folder may still be there, under a name
    # that the file system takes for the same.
    return [
        path
        for path in listed
        if os.path.basename(path) not in names[os.path.dirname(path)]
        and not os.path.isfile(path)
    ]


def find_bad_boxes(dataset: Any) -> tuple[list[str], int, int]:
    """Find boxes that do not fit their images.

    Args:
        dataset (Any): As above. Of more than :data:`MAX_OPENED` images with
            boxes, so many are looked at, evenly spread.

    Returns:
        tuple[list[str], int, int]: What is wrong, a line a box, the
        number of images that were looked at, and of those that boxes leave.
    """
    count = len(dataset)
    step = max(1, -(-count // MAX_OPENED))
    problems = []
    opened = leaving = 0
    for info in map(dataset.get_data_info, range(0, count, step)):
        path = str(info.get('img_path', ''))
        if not info.get('instances') or not os.path.isfile(path):
            continue
        opened += 1
        try:
            with Image.open(path) as image:  # reads the header alone
                width, height = image.size
        except OSError:
            continue  # OpenCV may know the format; else it is named later
        try:
            fitted = fit_annotation({**info, 'ori_shape': (height, width)})
            leaving += fitted['num_cut_boxes'] > 0
        except ValueError as error:
            if hasattr(dataset, 'describe_misfit'):
                problems += dataset.describe_misfit(path, error)
            else:
                problems.append(f'{path}: {error}')
    return problems, opened, leaving
