# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Results as plain dicts."""

from collections.abc import Sequence

import numpy as np
from mmpretrain.structures import DataSample
from numpy.typing import ArrayLike

from projects.scm.structures import (
    Localization,
    as_array,
    normalize_score_map,
    resize_score_map,
)

from .sources import Source


def instance_rows(
    sample: DataSample, classes: Sequence[str] | None
) -> list[dict]:
    """Boxes one by one, in plain numbers.

    Args:
        sample (DataSample): On the CPU, with ``pred_instances``.
        classes (Sequence[str], optional): Names of the classes.

    Returns:
        list[dict]: ``label``, ``class`` (if names are known), ``score``, and
        ``bbox``, half-open ``x0, y0, x1, y1`` in pixels of the picture.
    """
    instances = sample.pred_instances
    return [
        {
            'label': label,
            **({'class': classes[label]} if classes else {}),
            'score': score,
            'bbox': bbox,
        }
        for bbox, label, score in zip(
            instances.bboxes.tolist(),
            instances.labels.tolist(),
            instances.scores.tolist(),
            strict=True,
        )
    ]


def to_result(
    source: Source,
    sample: DataSample,
    classes: Sequence[str] | None,
    score_maps: bool,
    pixels: bool = False,
) -> dict:
    """The dict that ``WSOLInferencer.__call__`` tells of.

    Args:
        source (Source): The picture.
        sample (DataSample): On the CPU, with ``pred_score``,
            ``pred_instances``, ``score_maps`` and ``score_map_labels``.
        classes (Sequence[str], optional): Names of the classes.
        score_maps (bool): Whether to give maps at the size of the image.
        pixels (bool): Whether to give the pixels of frames and arrays.
            Defaults to False.

    Returns:
        dict: The result.
    """
    found = Localization.from_mapping(sample.to_dict())
    width, height = found.image_size_wh
    label = found.pred_label
    result = dict(
        name=source.name,
        img_path=source.path,
        file_name=source.file_name,
        width=width,
        height=height,
        pred_scores=as_array(found.pred_score),
        pred_label=label,
        pred_score=float(found.pred_score[label]),
        bboxes=as_array(found.bboxes),
        labels=as_array(found.box_labels),
        scores=as_array(found.box_scores),
    )
    if 'polygons' in sample:
        result['polygons'] = sample.polygons
    if pixels and source.image is not None:
        result['image'] = source.image
    if source.frame is not None:
        result['frame'] = source.frame
    if classes is not None:
        result['pred_class'] = classes[label]
    if score_maps:
        result['score_map_labels'] = found.map_labels
        result['score_maps'] = np.stack(
            [
                picture_map(score_map, (width, height))
                for score_map in as_array(found.score_maps)
            ]
        )
    return result


def picture_map(score_map: ArrayLike, size_wh: tuple[int, int]) -> np.ndarray:
    """A score map at the size of its picture.

    Args:
        score_map (ArrayLike): (h, w), of any range.
        size_wh (tuple[int, int]): Width and height of the picture.

    Returns:
        np.ndarray: (height, width) float32, min-max scaled to [0, 1].
    """
    resized = resize_score_map(score_map, size_wh)
    return normalize_score_map(resized).astype(np.float32)
