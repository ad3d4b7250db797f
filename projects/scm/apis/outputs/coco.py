# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Results as COCO has them."""

import json
from collections.abc import Sequence
from typing import Any

from projects.scm.structures import xyxy_to_xywh

from .writer import WholeFileWriter, instances, picture_name, save_frame


def coco_categories(classes: Sequence[str]) -> list[dict[str, Any]]:
    """The list ``categories``: class 0 has the id 1.

    All COCO files of this project number categories so; detectors keep 0
    for the background.
    """
    return [dict(id=i, name=name) for i, name in enumerate(classes, 1)]


class CocoWriter(WholeFileWriter):
    """Writes ``results.json``: one COCO file with the list of images.

    ``annotations`` are entries of the COCO results form, with ``id``,
    ``area`` and ``iscrowd`` added: the whole file reads as an annotation
    file, and its list ``annotations`` as results (``COCO.loadRes``). Boxes
    are ``x, y, width, height`` in pixels; ``category_id`` counts from 1.
    ``file_name`` is relative to the common folder of the pictures; frames of
    videos are written below the folder of the results, as it says.
    """

    entries = ('results.json', 'frames')

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._annotations: list[dict[str, Any]] = []

    def take(self, result: dict) -> dict[str, Any]:
        """The image; its annotations are kept beside it."""
        image = dict(
            id=len(self.taken) + 1,
            file_name=picture_name(result),
            width=result['width'],
            height=result['height'],
        )
        if result.get('frame') is not None:
            image['video'] = result['file_name']
            image['frame'] = result['frame']
        save_frame(result, self.folder / image['file_name'])
        for box, label, score, polygons in instances(result):
            x, y, width, height = xyxy_to_xywh([box])[0].tolist()
            annotation = dict(
                id=len(self._annotations) + 1,
                image_id=image['id'],
                category_id=label + 1,
                bbox=[x, y, width, height],
                area=width * height,
                iscrowd=0,
                score=score,
            )
            if polygons is not None:
                annotation['segmentation'] = polygons
            self._annotations.append(annotation)
        return image

    def content(self) -> str:
        """The file with all results so far."""
        return json.dumps(
            dict(
                info=self.info,
                images=self.taken,
                annotations=self._annotations,
                categories=coco_categories(self.classes),
            ),
            indent=1,
        )
