# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""From data samples, as the pipeline yields them, to records of images."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from mmengine.fileio import get

from projects.scm.evaluation.functional import (
    EvaluationPlan,
    ImageRecord,
    decode_mask,
    record_box,
    record_localization,
    record_pixels,
)
from projects.scm.structures import (
    Annotation,
    Localization,
    MaskFiles,
    as_array,
)
from projects.scm.utils import load_test_run


class ClassifiedImage(NamedTuple):
    """What the evaluation of a detector takes from a classifier's test run.

    Attributes:
        annotation: The truth.
        ranking: Classes, best first; five of them, or all if there are fewer.
        num_classes: Classes that the classifier knows.
    """

    annotation: Annotation
    ranking: list[int]
    num_classes: int


def record_sample(
    plan: EvaluationPlan, sample: Mapping[str, Any]
) -> ImageRecord:
    """Reduce a data sample with predictions to numbers.

    Args:
        plan (EvaluationPlan): What to compute.
        sample (Mapping): ``DataSample.to_dict()`` with ``img_path`` (str),
            ``ori_shape`` (height, width), ``gt_label`` (1,), ``instances``
            (list of dicts with ``bbox`` in original pixels), ``pred_score``
            (C,), ``score_maps`` (k, h, w) and ``score_map_labels`` (k,): the
            true class and those of the best that the protocols look at, in
            any order; with ``mask_files``, see
            :class:`~projects.scm.structures.Annotation`, masks are read.

    Returns:
        ImageRecord: Numbers of the image.

    Raises:
        ValueError: If a field is missing or wrong; the message names the
            image and the field.
    """
    found = Localization.from_mapping(
        sample,
        ('pred_score', 'score_maps', 'score_map_labels'),
        'localization needs a head that predicts score maps',
    )
    found.check_geometry()
    return record_found(plan, found, Annotation.from_mapping(sample))


def record_found(
    plan: EvaluationPlan, found: Localization, truth: Annotation
) -> ImageRecord:
    """Reduce a prediction to numbers, by boxes and, if there are, by masks.

    Args:
        plan (EvaluationPlan): What to compute.
        found (Localization): What was predicted.
        truth (Annotation): The truth.

    Returns:
        ImageRecord: Numbers of the image.

    Raises:
        ValueError: If something is missing or wrong, also in a mask.
        FileNotFoundError: If a mask is missing.
    """
    record = record_localization(plan, found, truth)
    if truth.masks is not None:
        record.pixels = record_pixels(
            as_array(found.map_of(truth.gt_label)),
            *read_masks(truth.masks, found.name),
            plan.frame_size_wh,
            truth.masks.above,
        )
    return record


def read_masks(
    masks: MaskFiles, name: str
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Read the masks of an image.

    Args:
        masks (MaskFiles): The files.
        name (str): The image, for messages.

    Returns:
        tuple: Those of the objects, uint8 (h, w) each, and what is not
        judged, or None.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If one does not decode.
    """

    def read(path: str) -> np.ndarray:
        return decode_mask(get(path), f'{path}: mask of {name}')

    ignored = None if masks.ignored is None else read(masks.ignored)
    return [read(path) for path in masks.objects], ignored


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
    found = Localization.from_mapping(
        sample,
        ('img_path', 'ori_shape', 'pred_instances'),
        'expected what a detector of mmdet predicts',
    )
    name = os.path.abspath(found.name)
    if name not in images:
        raise ValueError(
            f'{name}: not among the {len(images)} images of '
            'classifier_results: test the classifier and the detector on the '
            'same images'
        )
    truth, ranking, num_classes = images[name]
    if found.image_size_wh != truth.image_size_wh:
        raise ValueError(
            f'{name}: ori_shape: width and height {found.image_size_wh} for '
            f'the detector, but {truth.image_size_wh} for the classifier'
        )
    box = None
    if len(found.bboxes):
        best = int(np.argmax(as_array(found.box_scores)))
        box = as_array(found.bboxes)[best]
    record = record_box(
        plan,
        box,
        truth.gt_label,
        truth.gt_boxes,
        truth.image_size_wh,
        ranking=ranking,
        name=name,
    )
    record.num_classes = num_classes
    record.count_fitted(truth)
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
    for sample in load_test_run(file):
        try:
            found = Localization.from_mapping(
                sample,
                ('img_path', 'pred_score'),
                'expected what tools/test.py --out wrote for a classifier',
            )
            ranking = found.ranking.tolist()
            images[os.path.abspath(found.name)] = ClassifiedImage(
                Annotation.from_mapping(sample), ranking[:5], len(ranking)
            )
        except ValueError as error:
            raise ValueError(f'{file}: {error}') from error
    return images
