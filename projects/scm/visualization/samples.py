# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Draws a sample of a dataset before and after its pipeline."""

from collections.abc import Mapping, Sequence

import numpy as np

from projects.scm.structures.boxes import scale_boxes
from projects.scm.visualization.drawing import (
    GT_COLOR,
    draw_boxes,
    resize_to_height,
)
from projects.scm.visualization.panels import Panel, class_caption
from projects.scm.visualization.reading import read_picture


def input_to_rgb(inputs: object) -> np.ndarray:
    """A model input before preprocessing as a picture.

    Args:
        inputs (Tensor): uint8 ``(3, H, W)``, BGR, as mmcv loads pictures.

    Returns:
        np.ndarray: uint8 ``(H, W, 3)``, RGB.
    """
    image = inputs.permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(image[..., ::-1], dtype=np.uint8)


def sample_panels(
    sample: Mapping,
    classes: Sequence[str] | None = None,
    height: int = 320,
) -> list[Panel]:
    """The picture with its annotation, and what the pipeline made of it.

    Args:
        sample (Mapping): What a dataset gives: ``inputs`` (uint8 BGR) and
            ``data_samples``.
        classes (Sequence[str], optional): Names of the classes.
        height (int): Of both panels, in pixels. Defaults to 320.

    Returns:
        list[Panel]: Two panels. Boxes are drawn where they were loaded, and
        the captions tell their number.
    """
    data_sample = sample['data_samples']
    name = class_caption(int(data_sample.gt_label), classes)
    original = read_picture(data_sample.img_path, data_sample.ori_shape[1::-1])
    before = [
        instance['bbox'] for instance in data_sample.get('instances') or []
    ]
    image = input_to_rgb(sample['inputs'])
    after = np.zeros((0, 4))
    if 'gt_instances' in data_sample:
        after = data_sample.gt_instances.bboxes.numpy()
    return [
        _panel(f'class {name}', original, before, height),
        _panel('after the pipeline', image, after, height),
    ]


def _panel(
    name: str, image: np.ndarray, boxes: Sequence, height: int
) -> Panel:
    """A picture at a height, with boxes given in its original pixels."""
    size_wh = image.shape[1::-1]
    count = f'{len(boxes)} box' + ('' if len(boxes) == 1 else 'es')
    caption = f'{name}\n{size_wh[0]}×{size_wh[1]}, {count}'
    image = resize_to_height(image, height)
    boxes = scale_boxes(boxes, size_wh, image.shape[1::-1])
    return Panel(caption, draw_boxes(image, boxes, GT_COLOR))
