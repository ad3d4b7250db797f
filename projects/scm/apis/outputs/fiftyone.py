# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Results as a dataset of FiftyOne."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from projects.scm.utils import write_file, write_json

from .writer import (
    WholeFileWriter,
    as_file_name,
    instances,
    link_picture,
    picture_name,
    plain,
    save_frame,
)

#: Fields of a sample: what was found, the class, the map.
PREDICTIONS, CLASS, HEATMAP = 'predictions', 'predicted_class', 'heatmap'
#: Fields of a sample of a test set: what is there.
TRUTH, TRUE_CLASS = 'ground_truth', 'true_class'


class FiftyOneWriter(WholeFileWriter):
    """Writes ``fiftyone/``: pictures, boxes, classes and maps of FiftyOne.

    The form is that of ``fiftyone.types.FiftyOneDataset`` on a disk:
    ``samples.json``, ``metadata.json``, pictures in ``data`` (linked, and
    copied where the disk allows no link) and maps in ``fields/heatmap``. A
    map is a grey picture, 0 to 255; of several, that of the best class.
    Boxes are ``x, y, width, height`` as shares of the picture. Further
    fields of a sample may stand in a result, as ``fields``. FiftyOne itself
    is not needed.
    """

    entries = ('fiftyone',)
    needs_maps = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._root = self.folder / self.entries[0]

    def take(self, result: dict) -> dict[str, Any]:
        """The sample, whose map is written."""
        name = picture_name(result)
        picture = self._root / 'data' / name
        save_frame(result, picture)
        if result.get('frame') is None:
            link_picture(result.get('img_path'), picture)
        size_wh = result['width'], result['height']
        found = instances(result)
        sample = dict(
            filepath=str(PurePosixPath('data', name)),
            tags=[],
            metadata=dict(
                _cls='ImageMetadata', width=size_wh[0], height=size_wh[1]
            ),
            **{
                CLASS: classification(
                    self.classes[result['pred_label']],
                    confidence=plain(result['pred_score']),
                ),
                PREDICTIONS: detections(
                    [i.box for i in found],
                    [self.classes[i.label] for i in found],
                    size_wh,
                    [dict(confidence=i.score) for i in found],
                ),
            },
            **result.get('fields', {}),
        )
        if len(maps := result.get('score_maps', ())):
            path = PurePosixPath('fields', HEATMAP, as_file_name(name, '.png'))
            levels = np.rint(255 * maps[0]).astype(np.uint8)
            data = cv2.imencode('.png', levels)[1]
            write_file(self._root / path, data.tobytes())
            sample[HEATMAP] = dict(
                _cls='Heatmap', map_path=str(path), range=[0, 255]
            )
        return sample

    def content(self) -> str:
        """The samples with all results so far."""
        return json.dumps(dict(samples=self.taken), indent=1)

    def close(self) -> Path:
        """Write the samples, and what is said of all; return the folder."""
        info = dict(self.info, default_classes=self.classes)
        content = dict(media_type='image', info=info)
        write_json(self._root / 'metadata.json', content)
        super().close()
        return self._root

    @property
    def path(self) -> Path:
        """The file that is written whole."""
        return self._root / 'samples.json'


def classification(label: str, **more: Any) -> dict[str, Any]:
    """A class as FiftyOne has it."""
    return dict(_cls='Classification', label=label, **more)


def detections(
    boxes: Sequence[Sequence[float]],
    labels: Sequence[str],
    size_wh: tuple[int, int],
    more: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Boxes as FiftyOne has them.

    Args:
        boxes (Sequence): (n, 4), half-open ``x0, y0, x1, y1`` in pixels.
        labels (Sequence[str]): (n,) names.
        size_wh (tuple[int, int]): Width and height of the picture.
        more (Sequence[Mapping], optional): (n,) further attributes.

    Returns:
        dict[str, Any]: ``Detections``, with shares of the picture.
    """
    width, height = size_wh
    return dict(
        _cls='Detections',
        detections=[
            dict(
                _cls='Detection',
                label=label,
                bounding_box=[
                    x0 / width,
                    y0 / height,
                    (x1 - x0) / width,
                    (y1 - y0) / height,
                ],
                **attributes,
            )
            for (x0, y0, x1, y1), label, attributes in zip(
                boxes, labels, more or [{}] * len(boxes), strict=True
            )
        ],
    )
