# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Readers of published annotation formats; plain functions.

Readers of whole sets return an :class:`AnnotationTable` and need no dataset
class. Every error names the file, the line, what was found and what was
expected.
"""

from .annotation_table import AnnotationTable, BoxCollector
from .box_csv import read_csv_boxes
from .box_file import BoxFile, ListedBox
from .class_names import read_class_names
from .coco_json import read_coco
from .cub_files import CUB_LAYOUT, read_cub
from .image_list import read_image_list
from .image_names import ImageNames
from .inside import check_inside, leaves_folder
from .mask_files import locate_masks
from .problems import AnnotationError, Problems
from .voc_xml import (
    VOCAnnotation,
    read_voc_boxes,
    read_voc_folder,
    read_voc_xml,
)
from .wsoleval_metadata import (
    METADATA_LAYOUT,
    read_boxes,
    read_class_labels,
    read_image_ids,
    read_image_sizes,
    read_masks,
    read_wsoleval,
)

__all__ = [
    'CUB_LAYOUT',
    'METADATA_LAYOUT',
    'AnnotationError',
    'AnnotationTable',
    'BoxCollector',
    'BoxFile',
    'ImageNames',
    'ListedBox',
    'Problems',
    'VOCAnnotation',
    'check_inside',
    'leaves_folder',
    'locate_masks',
    'read_boxes',
    'read_class_labels',
    'read_class_names',
    'read_coco',
    'read_csv_boxes',
    'read_cub',
    'read_image_ids',
    'read_image_list',
    'read_image_sizes',
    'read_masks',
    'read_voc_boxes',
    'read_voc_folder',
    'read_voc_xml',
    'read_wsoleval',
]
