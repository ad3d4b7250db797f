# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The annotated picture of one result."""

from collections.abc import Sequence

import numpy as np
from mmpretrain.structures import DataSample

from projects.scm.structures import Localization, as_array, scale_boxes
from projects.scm.visualization import (
    PRED_COLOR,
    Panel,
    draw_boxes,
    overlay_heatmap,
    tile_panels,
)
from projects.scm.visualization.drawing import resize_to_height

HEIGHTS = (320, 640)
MAX_MAPS = 20
"""Maps drawn of one picture."""


def draw_result(
    image: np.ndarray,
    sample: DataSample,
    classes: Sequence[str] | None = None,
) -> np.ndarray:
    """Draw boxes on a picture, and beside it every class's map with its own.

    Args:
        image (np.ndarray): See :func:`result_panels`.
        sample (DataSample): The same.
        classes (Sequence[str], optional): The same.

    Returns:
        np.ndarray: uint8 ``(H', W', 3)``, RGB.
    """
    panels = result_panels(image, sample, classes)
    return tile_panels(panels, columns=3, height=_drawn_height(image))


def _drawn_height(image: np.ndarray) -> int:
    """Small pictures are enlarged so that tags can be read."""
    return int(np.clip(image.shape[0], *HEIGHTS))


def result_panels(
    image: np.ndarray,
    sample: DataSample,
    classes: Sequence[str] | None = None,
) -> list[Panel]:
    """Boxes on a picture, then every class's map with its own boxes.

    Args:
        image (np.ndarray): uint8 ``(H, W, 3)``, RGB, the original picture.
        sample (DataSample): With ``pred_score``, ``score_maps``,
            ``score_map_labels`` and ``pred_instances``.
        classes (Sequence[str], optional): Names of the classes.

    Returns:
        list[Panel]: Captions and pictures.
    """
    height, width = image.shape[:2]
    canvas = resize_to_height(image, _drawn_height(image))

    def name(label: int) -> str:
        return classes[label] if classes else f'class {label}'

    found = Localization.from_mapping(sample.to_dict())
    boxes = scale_boxes(
        as_array(found.bboxes), (width, height), canvas.shape[1::-1]
    )
    box_labels = as_array(found.box_labels)
    tags = [
        f'{name(label)} {score:.2f}'
        for label, score in zip(box_labels, found.box_scores, strict=True)
    ]
    best = found.pred_label
    panels = [
        Panel(
            f'predicted: {name(best)}, {found.pred_score[best]:.2f}',
            draw_boxes(canvas, boxes, PRED_COLOR, tags),
        )
    ]
    for label in found.map_labels[:MAX_MAPS]:
        own = boxes[box_labels == label]
        heat = overlay_heatmap(canvas, as_array(found.map_of(label)))
        panels.append(
            Panel(
                f'score map of {name(label)}, {found.pred_score[label]:.2f}',
                draw_boxes(heat, own, PRED_COLOR),
            )
        )
    if len(found.map_labels) > MAX_MAPS:
        caption, last = panels[-1]
        more = f'{caption}\nand {len(found.map_labels) - MAX_MAPS} more maps'
        panels[-1] = Panel(more, last)
    return panels
