# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Results as a table."""

import csv
from pathlib import Path
from typing import Any

from .writer import ResultWriter, instances, picture_name, plain, save_frame

CSV_FIELDS = (
    'path',
    'frame',
    'width',
    'height',
    'label',
    'class',
    'score',
    'x0',
    'y0',
    'x1',
    'y1',
)


class CsvWriter(ResultWriter):
    """Writes ``results.csv``: one line a box, ``x0, y0, x1, y1`` half-open.

    A picture without a box has one line with its predicted class and empty
    corners. ``path`` is relative to the common folder of the pictures.
    Lines are written as results come.
    """

    entries = ('results.csv', 'frames')

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._path = self.folder / self.entries[0]
        self._file = self._path.open('w', newline='', encoding='utf-8')
        self._lines = csv.writer(self._file, lineterminator='\n')
        self._lines.writerow(CSV_FIELDS)

    def add(self, result: dict) -> None:
        """Write the lines of one result."""
        name = picture_name(result)
        save_frame(result, self.folder / name)
        frame = result.get('frame')
        image = [
            name,
            '' if frame is None else frame,
            result['width'],
            result['height'],
        ]
        found = [
            [label, self.classes[label], score, *box]
            for box, label, score, _ in instances(result)
        ]
        if not found:
            label = result['pred_label']
            score = plain(result['pred_score'])
            found = [[label, self.classes[label], score, '', '', '', '']]
        self._lines.writerows([*image, *row] for row in found)
        self._file.flush()

    def close(self) -> Path:
        """Close the file, which is returned."""
        self._file.close()
        return self._path
