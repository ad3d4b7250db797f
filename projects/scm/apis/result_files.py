# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Results as files that other programs read."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from projects.scm.structures import xyxy_to_xywh
from projects.scm.utils import write_file

CSV_FIELDS = (
    'image',
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


def write_coco(
    folder: str | Path,
    results: Sequence[dict],
    classes: Sequence[str],
    info: dict[str, Any],
) -> Path:
    """Write ``results.json``: one COCO file with the list of images.

    ``annotations`` are entries of the COCO results form, with ``id``,
    ``area`` and ``iscrowd`` added: the whole file reads as an annotation
    file, and its list ``annotations`` as results (``COCO.loadRes``). Boxes
    are ``x, y, width, height``; ``category_id`` is the index of the class.

    Args:
        folder (str | Path): Where the file goes.
        results (Sequence[dict]): Of ``WSOLInferencer``; maps are not needed.
        classes (Sequence[str]): Names of all classes.
        info (dict[str, Any]): How the results came about.

    Returns:
        Path: The file.
    """
    images, annotations = [], []
    for image_id, result in enumerate(results, 1):
        image = dict(
            id=image_id,
            file_name=result['img_path'],
            width=result['width'],
            height=result['height'],
        )
        if 'frame' in result:
            image['file_name'] = f'{result["name"]}.jpg'
            image['video'] = result['img_path']
            image['frame'] = result['frame']
        images.append(image)
        for box, label, score in _instances(result):
            x, y, width, height = xyxy_to_xywh([box])[0].tolist()
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image_id,
                    category_id=label,
                    bbox=[x, y, width, height],
                    area=width * height,
                    iscrowd=0,
                    score=score,
                )
            )
    categories = [dict(id=i, name=name) for i, name in enumerate(classes)]
    content = dict(
        info=info,
        images=images,
        annotations=annotations,
        categories=categories,
    )
    return _write(Path(folder) / 'results.json', json.dumps(content, indent=1))


def write_csv(
    folder: str | Path, results: Sequence[dict], classes: Sequence[str]
) -> Path:
    """Write ``results.csv``: one line a box, ``x0, y0, x1, y1`` half-open.

    A picture without a box has one line with its predicted class and empty
    corners.

    Args:
        folder (str | Path): Where the file goes.
        results (Sequence[dict]): Of ``WSOLInferencer``.
        classes (Sequence[str]): Names of all classes.

    Returns:
        Path: The file.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator='\n')
    lines.writerow(CSV_FIELDS)
    for result in results:
        image = [
            result['img_path'],
            result.get('frame', ''),
            result['width'],
            result['height'],
        ]
        for box, label, score in _instances(result):
            lines.writerow([*image, label, classes[label], score, *box])
        if not len(result['bboxes']):
            label = result['pred_label']
            score = _plain(result['pred_score'])
            lines.writerow(
                [*image, label, classes[label], score, '', '', '', '']
            )
    return _write(Path(folder) / 'results.csv', text.getvalue())


def write_yolo(
    folder: str | Path, results: Sequence[dict], classes: Sequence[str]
) -> Path:
    """Write ``labels/<name>.txt`` and ``classes.txt`` as YOLO trains on.

    A line is ``class x_centre y_centre width height`` as shares of the
    picture; a picture without a box has an empty file.

    Args:
        folder (str | Path): Where the files go.
        results (Sequence[dict]): Of ``WSOLInferencer``.
        classes (Sequence[str]): Names of all classes.

    Returns:
        Path: The folder of the labels.
    """
    labels = Path(folder) / 'labels'
    labels.mkdir(parents=True, exist_ok=True)
    for result in results:
        size = np.array([result['width'], result['height']])
        lines = []
        for box, label, _ in _instances(result):
            low, high = np.reshape(box, (2, 2)) / size
            numbers = [*((low + high) / 2), *(high - low)]
            lines.append(
                f'{label} ' + ' '.join(f'{n:.6f}' for n in numbers) + '\n'
            )
        _write(labels / f'{result["name"]}.txt', ''.join(lines))
    _write(
        Path(folder) / 'classes.txt', ''.join(f'{name}\n' for name in classes)
    )
    return labels


def _instances(result: dict) -> list[tuple[list[float], int, float]]:
    """Boxes, labels and scores as plain numbers."""
    return [
        ([_plain(x) for x in box], int(label), _plain(score))
        for box, label, score in zip(
            result['bboxes'], result['labels'], result['scores'], strict=True
        )
    ]


def _plain(number: float) -> float:
    """The shortest decimal that is the same float32."""
    return float(str(np.float32(number)))


def _write(path: Path, text: str) -> Path:
    write_file(path, text.encode())
    return path
