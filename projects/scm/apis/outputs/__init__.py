# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Results as files that other programs read."""

from .coco import CocoWriter, coco_categories
from .csv_table import CsvWriter
from .cvat import CvatWriter
from .fiftyone import FiftyOneWriter
from .label_studio import LabelStudioWriter
from .masks import MaskWriter
from .result_folder import ResultFolder
from .video import VideoWriter
from .writer import ResultWriter
from .yolo import YoloWriter

#: Writers by what the command line calls them.
FORMATS: dict[str, type[ResultWriter]] = {
    'coco': CocoWriter,
    'csv': CsvWriter,
    'yolo': YoloWriter,
    'label-studio': LabelStudioWriter,
    'cvat': CvatWriter,
    'fiftyone': FiftyOneWriter,
}

__all__ = [
    'FORMATS',
    'CocoWriter',
    'CsvWriter',
    'CvatWriter',
    'FiftyOneWriter',
    'LabelStudioWriter',
    'MaskWriter',
    'ResultFolder',
    'ResultWriter',
    'VideoWriter',
    'YoloWriter',
    'coco_categories',
]
