# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Checks that boxes lie where their pixels are."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmcv.transforms import LoadAnnotations
from mmpretrain.datasets import transforms as mmpretrain_transforms

from projects.scm.structures import fit_boxes

#: Transforms of MMPretrain that move pixels and leave ``gt_bboxes`` alone.
MOVES_PIXELS_ONLY = tuple(
    getattr(mmpretrain_transforms, name)
    for name in (
        'Albumentations',
        'AutoAugment',
        'EfficientNetCenterCrop',
        'EfficientNetRandomCrop',
        'RandAugment',
        'RandomCrop',
        'RandomResizedCrop',
        'ResizeEdge',
        'Rotate',
        'Shear',
        'Translate',
    )
)


def check_box_transforms(transforms: Sequence[Any], with_boxes: bool) -> None:
    """Refuse a pipeline whose boxes would be missing or misplaced.

    Args:
        transforms (Sequence): The transforms of a pipeline, built.
        with_boxes (bool): Whether the dataset loads boxes.

    Raises:
        ValueError: If ``LoadAnnotations`` asks for boxes that the dataset
            does not load, or is followed by a transform that crops or moves
            the image without its boxes.
    """
    steps = list(_flatten(list(transforms)))
    loads = [
        index
        for index, step in enumerate(steps)
        if isinstance(step, LoadAnnotations) and step.with_bbox
    ]
    if not loads:
        return
    if not with_boxes:
        raise ValueError(
            'the pipeline loads boxes (LoadAnnotations) but the dataset has '
            'with_boxes=False: remove the transform or set with_boxes=True'
        )
    for step in steps[loads[0] + 1 :]:
        if isinstance(step, MOVES_PIXELS_ONLY):
            raise ValueError(
                f'{type(step).__name__} of MMPretrain moves the image but '
                'not its boxes: remove LoadAnnotations (the evaluation needs '
                'none), or use a transform that moves both, such as Resize, '
                'CenterCrop or RandomFlip'
            )


def fit_annotation(results: Mapping[str, Any]) -> dict[str, Any]:
    """Fit annotated boxes to the image that was read.

    Readers know the size of an image from a list at best; here it is known
    from the image itself. Boxes that leave it are cut and counted.

    Args:
        results (Mapping): Result dict of a pipeline: ``ori_shape``,
            ``instances`` and, where the annotation tells them, ``width`` and
            ``height``. With ``boxes_end='last_pixel'`` the far corner is at
            most ``width - 1, height - 1``. Without ``instances`` nothing is
            done.

    Returns:
        dict[str, Any]: A copy, with fitted ``instances`` and
        ``num_cut_boxes``, the number of those that left the image. Boxes to
        be ignored stay as they are.

    Raises:
        ValueError: If the image is not of the annotated size, or a box that
            is not ignored lies outside or has no area.
    """
    results = dict(results)
    if 'ori_shape' not in results or not results.get('instances'):
        return results
    height, width = results['ori_shape'][:2]
    listed = results.get('width', width), results.get('height', height)
    if listed != (width, height):
        raise ValueError(
            f'the image has {width}x{height} pixels, but its boxes were '
            f'annotated in {listed[0]}x{listed[1]} pixels: expected the '
            'original image, is it a resized or rotated copy?'
        )
    instances = [dict(instance) for instance in results['instances']]
    judged = [i for i in instances if not i.get('ignore_flag', 0)]
    num_cut = 0
    if judged:
        boxes, leaves = fit_boxes(
            [instance['bbox'] for instance in judged],
            (width, height),
            name='instances',
            last_pixel=results.get('boxes_end') == 'last_pixel',
        )
        for instance, box in zip(judged, boxes.tolist(), strict=True):
            instance['bbox'] = box
        num_cut = int(leaves.sum())
    results.update(instances=instances, num_cut_boxes=num_cut)
    return results


def _flatten(step: Any) -> Iterator[Any]:
    """Walk through a transform and whatever transforms it holds."""
    if isinstance(step, (list, tuple)):
        for inner in step:
            yield from _flatten(inner)
        return
    yield step
    for name in ('transforms', 'subroutines'):
        if hasattr(step, name):
            yield from _flatten(getattr(step, name))
            return
