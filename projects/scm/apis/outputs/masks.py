# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Masks of the objects as pictures."""

from pathlib import Path

import cv2
import numpy as np

from projects.scm.utils import write_file

from .writer import ResultWriter, as_file_name, instances


class MaskWriter(ResultWriter):
    """Writes ``masks/<name>.png``: 255 on objects, 0 elsewhere.

    One file a picture, at its size. Objects of several classes
    (``target='topk'``) are in one mask.
    """

    entries = ('masks',)

    def add(self, result: dict) -> None:
        """Write the mask of one result, which has ``polygons``."""
        mask = np.zeros((result['height'], result['width']), np.uint8)
        for instance in instances(result):
            for polygon in instance.polygons:
                points = np.reshape(polygon, (-1, 2)).astype(np.int32)
                cv2.fillPoly(mask, [points], 255)
        data = cv2.imencode('.png', mask)[1]
        name = as_file_name(result['name'], '.png')
        write_file(self.folder / self.entries[0] / name, data.tobytes())

    def close(self) -> Path:
        """Nothing is left to be written; the folder is returned."""
        return self.folder / self.entries[0]
