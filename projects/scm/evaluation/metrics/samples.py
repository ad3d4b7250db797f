# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""From data samples, as the pipeline yields them, to records of images."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from projects.scm.evaluation.functional import (
    EvaluationPlan,
    ImageRecord,
    record_box,
    record_image,
)
from projects.scm.utils import load_test_run

from .on_cpu import on_cpu

ANNOTATION_KEYS = ('gt_label', 'instances', 'ori_shape')


class Annotation(NamedTuple):
    """What a data sample knows of the truth.

    Attributes:
        gt_label: The true class.
        gt_boxes: Its boxes, ``x0, y0, x1, y1``, in original pixels.
        image_size_wh: Width and height of the original image.
    """

    gt_label: int
    gt_boxes: list[Sequence[float]]
    image_size_wh: tuple[int, int]


class ClassifiedImage(NamedTuple):
    """What the evaluation of a detector takes from a classifier's test run.

    Attributes:
        annotation: The truth.
        ranking: Classes, best first; five of them, or all if there are fewer.
        num_cut_boxes: How many of its boxes left the image and were cut.
    """

    annotation: Annotation
    ranking: list[int]
    num_cut_boxes: int = 0


def record_sample(
    plan: EvaluationPlan, sample: Mapping[str, Any]
) -> ImageRecord:
    """Reduce a data sample with predictions to numbers.

    Args:
        plan (EvaluationPlan): What to compute.
        sample (Mapping): ``DataSample.to_dict()`` with ``img_path`` (str),
            ``ori_shape`` (height, width), ``gt_label`` (1,), ``instances``
            (list of dicts with ``bbox`` in original pixels), ``score_maps``
            (k, h, w) and ``score_map_labels`` (k,): the five best classes,
            best first, and the true class unless it is among them.

    Returns:
        ImageRecord: Numbers of the image.

    Raises:
        ValueError: If a field is missing or wrong; the message names the
            image and the field.
    """
    name = _name(sample)
    _require(
        sample,
        ('score_maps', 'score_map_labels', *ANNOTATION_KEYS),
        'localization needs a head that predicts score maps, and a pipeline '
        'that loads and packs boxes',
    )
    labels = np.asarray(sample['score_map_labels']).reshape(-1)
    record = record_image(
        plan,
        sample['score_maps'],
        labels,
        *_annotation(sample),
        ranking=labels[:5],
        name=name,
    )
    # The pipeline has fitted them already, where it knew the format's rule.
    record.num_cut_boxes += sample.get('num_cut_boxes', 0)
    record.num_moved_boxes += sample.get('num_moved_boxes', 0)
    return record


def record_detection(
    plan: EvaluationPlan,
    sample: Mapping[str, Any],
    images: Mapping[str, ClassifiedImage],
) -> ImageRecord:
    """Reduce what a detector found in an image to numbers.

    Args:
        plan (EvaluationPlan): What to compute, with threshold ``'none'``.
        sample (Mapping): ``DetDataSample.to_dict()`` with ``img_path`` (str),
            ``ori_shape`` (height, width) and ``pred_instances``, whose
            ``bboxes`` (n, 4) are in original pixels, with ``scores`` (n,).
        images (Mapping): See :func:`load_classified_images`.

    Returns:
        ImageRecord: Numbers of the box with the highest score. Its ``name``
        is the absolute path.

    Raises:
        ValueError: If a field is missing or wrong, or the classifier was not
            tested on this image; the message names the image.
    """
    _require(
        sample,
        ('img_path', 'ori_shape', 'pred_instances'),
        'expected what a detector of mmdet predicts',
    )
    name = os.path.abspath(sample['img_path'])
    if name not in images:
        raise ValueError(
            f'{name}: not among the {len(images)} images of '
            'classifier_results: test the classifier and the detector on the '
            'same images'
        )
    image = images[name]
    size_wh = tuple(sample['ori_shape'][1::-1])
    if size_wh != image.annotation.image_size_wh:
        raise ValueError(
            f'{name}: ori_shape: width and height {size_wh} for the detector, '
            f'but {image.annotation.image_size_wh} for the classifier'
        )
    found, box = sample['pred_instances'], None
    if len(found['scores']):
        box = found['bboxes'][int(np.argmax(found['scores']))]
    record = record_box(
        plan, box, *image.annotation, ranking=image.ranking, name=name
    )
    record.num_cut_boxes += image.num_cut_boxes
    return record


def load_classified_images(
    file: str | os.PathLike,
) -> dict[str, ClassifiedImage]:
    """Read the file that ``tools/test.py --out`` wrote for a classifier.

    Args:
        file (str | os.PathLike): Images have ``img_path``, ``pred_score``
            (C,), ``gt_label`` (1,), ``instances`` (the annotation, original
            pixels) and ``ori_shape``.

    Returns:
        dict[str, ClassifiedImage]: By absolute path of the image.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such file, or a field is missing or wrong;
            the message names the file, the image and the field.
    """
    images = {}
    for sample in map(on_cpu, load_test_run(file)):
        try:
            _require(
                sample,
                ('img_path', 'pred_score', *ANNOTATION_KEYS),
                'test the classifier with a pipeline that ends in '
                'PackWSOLInputs, on a dataset that loads boxes',
            )
            images[os.path.abspath(sample['img_path'])] = ClassifiedImage(
                _annotation(sample),
                np.argsort(-sample['pred_score'], kind='stable')[:5].tolist(),
                sample.get('num_cut_boxes', 0),
            )
        except ValueError as error:
            raise ValueError(f'{file}: {error}') from error
    return images


def _name(sample: Mapping[str, Any]) -> str:
    return str(sample.get('img_path', 'an image without img_path'))


def _require(
    sample: Mapping[str, Any], keys: Sequence[str], hint: str
) -> None:
    missing = [key for key in keys if sample.get(key) is None]
    if missing:
        raise ValueError(f'{_name(sample)}: missing {missing}: {hint}')


def _annotation(sample: Mapping[str, Any]) -> Annotation:
    gt_label = np.asarray(sample['gt_label']).reshape(-1)
    if len(gt_label) != 1:
        raise ValueError(
            f'{_name(sample)}: gt_label: expected one class, got '
            f'{gt_label.tolist()}'
        )
    label = int(gt_label[0])
    return Annotation(
        label,
        _annotated_boxes(sample['instances'], label, _name(sample)),
        tuple(sample['ori_shape'][1::-1]),
    )


def _annotated_boxes(
    instances: Sequence[Mapping[str, Any]], gt_label: int, name: str
) -> list[Sequence[float]]:
    """Boxes of the true class, in pixels of the original image."""
    boxes = []
    for index, instance in enumerate(instances):
        if 'bbox' not in instance:
            raise ValueError(f'{name}: instances[{index}]: missing bbox')
        label = instance.get('bbox_label', gt_label)
        if label != gt_label:
            raise ValueError(
                f'{name}: instances[{index}]: bbox_label {label} differs '
                f'from gt_label {gt_label}'
            )
        if not instance.get('ignore_flag', 0):
            boxes.append(instance['bbox'])
    return boxes
