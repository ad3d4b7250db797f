# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Results as a data set that detectors of the YOLO family train on."""

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from projects.scm.utils import write_file

from .writer import (
    ResultWriter,
    as_file_name,
    instances,
    link_picture,
    save_frame,
)


class YoloWriter(ResultWriter):
    """Writes ``yolo/images/``, ``yolo/labels/`` and ``yolo/data.yaml``.

    A folder of its own: readers look for the picture of a label in all of a
    data set, and would find drawings of the same name. Folders of the
    pictures are kept, below ``images`` and ``labels`` alike. Pictures are
    linked, and copied where the disk allows no link. A line of a label is
    ``class x_centre y_centre width height`` as shares of the picture, or, with
    masks, ``class x y x y …``, the outline; a picture without a box has an
    empty file. ``data.yaml`` names the same pictures for training and
    validation: split them before you measure anything. It has no ``path``,
    which would be relative to where a training begins; without it everything
    is relative to the file.
    """

    entries = ('yolo',)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._root = self.folder / self.entries[0]
        content = dict(
            train='images',
            val='images',
            names=dict(enumerate(self.classes)),
        )
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        write_file(self._root / 'data.yaml', text.encode())

    def add(self, result: dict) -> None:
        """Write the label of one result, and link its picture."""
        size = np.array([result['width'], result['height']])
        lines = []
        for box, label, _, polygons in instances(result):
            if polygons is None:
                low, high = np.reshape(box, (2, 2)) / size
                rows = [[*((low + high) / 2), *(high - low)]]
            else:
                rows = [
                    (np.reshape(p, (-1, 2)) / size).ravel() for p in polygons
                ]
            lines += [
                f'{label} ' + ' '.join(f'{n:.6f}' for n in row) + '\n'
                for row in rows
            ]
        name = result['name']
        label_file = self._root / 'labels' / as_file_name(name, '.txt')
        write_file(label_file, ''.join(lines).encode())
        images = self._root / 'images'
        save_frame(result, images / as_file_name(name, '.jpg'))
        if result.get('frame') is None:
            suffix = PurePosixPath(result['file_name']).suffix
            link_picture(
                result.get('img_path'), images / as_file_name(name, suffix)
            )

    def close(self) -> Path:
        """Nothing is left to be written; ``data.yaml`` is returned."""
        return self._root / 'data.yaml'
