# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Localization by two models: one names the class, another finds the box."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import boxes_to_frame, iou_inclusive


class ClassifiedImage(NamedTuple):
    """What the evaluation takes from the classifier's side.

    Attributes:
        ranking: Classes, best first; five of them, or all if there are fewer.
        gt_label: The true class.
        gt_boxes: Annotated boxes, ``x0, y0, x1, y1``, in original pixels.
        image_size_wh: Width and height of the original image.
    """

    ranking: Sequence[int]
    gt_label: int
    gt_boxes: ArrayLike
    image_size_wh: Sequence[int]


def take_classified_image(sample: Mapping[str, Any]) -> ClassifiedImage:
    """Read an item of the file that a classifier's test run dumped.

    Args:
        sample (Mapping): ``DataSample.to_dict()`` with ``img_path``,
            ``pred_score`` (C,), ``gt_label`` (1,), ``instances`` (the
            annotation, original pixels) and ``ori_shape``.

    Returns:
        ClassifiedImage: Its part that counts.

    Raises:
        ValueError: If a field is missing, or there is no box; the message
            names the image.
    """
    name = str(sample.get('img_path', 'an image without img_path'))
    keys = ('img_path', 'pred_score', 'gt_label', 'instances', 'ori_shape')
    missing = [key for key in keys if sample.get(key) is None]
    if missing:
        raise ValueError(
            f'{name}: missing {missing}: test the classifier with a pipeline '
            'that ends in PackWSOLInputs, on a dataset that loads boxes'
        )
    boxes = [
        instance['bbox']
        for instance in sample['instances']
        if not instance.get('ignore_flag', 0)
    ]
    if not boxes:
        raise ValueError(f'{name}: instances: no ground truth box')
    scores = np.asarray(sample['pred_score'])
    return ClassifiedImage(
        ranking=np.argsort(-scores, kind='stable')[:5].tolist(),
        gt_label=int(np.asarray(sample['gt_label']).reshape(-1)[0]),
        gt_boxes=boxes,
        image_size_wh=tuple(sample['ori_shape'][1::-1]),
    )


def joined_localization(
    images: Sequence[ClassifiedImage],
    boxes: Sequence[ArrayLike | None],
    iou_threshold: float = 0.5,
    frame_size_wh: Sequence[int] = (224, 224),
) -> dict[str, float]:
    """Accuracy of boxes that do not depend on the class.

    Overlaps are measured as the protocols for score maps do, so that figures
    can be compared: both boxes in whole pixels of the frame, inclusive (``+1``
    on every side), a box's far corner at most the last pixel, a hit at
    ``IoU >= iou_threshold`` with any annotated box.

    Args:
        images (Sequence[ClassifiedImage]): With ground truth.
        boxes (Sequence): The box of each image, half-open ``x0, y0, x1, y1``
            in original pixels, or None where nothing was found, a miss.
        iou_threshold (float): Overlap that makes a hit. Defaults to 0.5.
        frame_size_wh (Sequence[int]): Where boxes are compared. Defaults to
            (224, 224).

    Returns:
        dict[str, float]: In percent, ``gt_known_acc`` (the box is right),
        ``top1_loc`` and ``top5_loc`` (and the class, or one of five, too),
        ``top1_cls_acc`` and ``top5_cls_acc`` (the class is right).

    Raises:
        ValueError: If there is no image, or not one box for each.
    """
    if not images:
        raise ValueError('no image to evaluate')
    found = np.array(
        [
            best_iou(image, box, frame_size_wh) >= iou_threshold
            for image, box in zip(images, boxes, strict=True)
        ]
    )
    top1, top5 = (
        np.array([image.gt_label in image.ranking[:k] for image in images])
        for k in (1, 5)
    )
    figures = {
        'gt_known_acc': found,
        'top1_loc': found & top1,
        'top5_loc': found & top5,
        'top1_cls_acc': top1,
        'top5_cls_acc': top5,
    }
    return {key: 100 * float(hits.mean()) for key, hits in figures.items()}


def best_iou(
    image: ClassifiedImage,
    box: ArrayLike | None,
    frame_size_wh: Sequence[int] = (224, 224),
) -> float:
    """Largest overlap of a box with an annotated one, -1 without a box.

    Args:
        image (ClassifiedImage): With ground truth.
        box (ArrayLike, optional): ``x0, y0, x1, y1`` in original pixels.
        frame_size_wh (Sequence[int]): Where boxes are compared, see
            :func:`joined_localization`. Defaults to (224, 224).

    Returns:
        float: In [0, 1], or -1.
    """
    if box is None:
        return -1.0
    size = image.image_size_wh
    found = boxes_to_frame([box], size, frame_size_wh)
    found[:, 2:] = np.minimum(found[:, 2:], np.array(frame_size_wh) - 1)
    annotated = boxes_to_frame(image.gt_boxes, size, frame_size_wh)
    return float(iou_inclusive(found, annotated).max())
