# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The annotated picture of one result."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmpretrain.structures import DataSample

from projects.scm.structures import scale_boxes
from projects.scm.visualization import (
    PRED_COLOR,
    Panel,
    draw_boxes,
    overlay_heatmap,
    tile_panels,
)

HEIGHTS = (320, 640)


def draw_result(
    image: np.ndarray,
    sample: DataSample,
    classes: Sequence[str] | None = None,
) -> np.ndarray:
    """Draw boxes on a picture, and beside it every class's map with its own.

    Args:
        image (np.ndarray): uint8 ``(H, W, 3)``, RGB, the original picture.
        sample (DataSample): With ``pred_score``, ``pred_label``,
            ``score_maps``, ``score_map_labels`` and ``pred_instances``.
        classes (Sequence[str], optional): Names of the classes.

    Returns:
        np.ndarray: uint8 ``(H', W', 3)``, RGB.
    """
    height, width = image.shape[:2]
    # Small pictures are enlarged so that tags can be read.
    drawn_height = int(np.clip(height, *HEIGHTS))
    drawn_width = max(1, round(width * drawn_height / height))
    flag = cv2.INTER_AREA if drawn_height < height else cv2.INTER_LINEAR
    canvas = cv2.resize(image, (drawn_width, drawn_height), interpolation=flag)

    def name(label: int) -> str:
        return classes[label] if classes else f'class {label}'

    instances = sample.pred_instances
    boxes = scale_boxes(
        instances.bboxes.numpy(), (width, height), canvas.shape[1::-1]
    )
    labels = sample.score_map_labels.tolist()
    tags = [
        f'{name(label)} {score:.2f}'
        for label, score in zip(
            instances.labels.tolist(), instances.scores.tolist(), strict=True
        )
    ]
    best = int(sample.pred_label)
    panels = [
        Panel(
            f'predicted: {name(best)}, {sample.pred_score[best]:.2f}',
            draw_boxes(canvas, boxes, PRED_COLOR, tags),
        )
    ]
    for label, score_map in zip(labels, sample.score_maps, strict=True):
        own = boxes[(instances.labels == label).numpy()]
        heat = overlay_heatmap(canvas, score_map.numpy())
        panels.append(
            Panel(
                f'score map of {name(label)}, {sample.pred_score[label]:.2f}',
                draw_boxes(heat, own, PRED_COLOR),
            )
        )
    return tile_panels(panels, columns=3, height=drawn_height)
