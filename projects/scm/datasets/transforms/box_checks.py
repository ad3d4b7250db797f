# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Checks that boxes lie where their pixels are."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmcv.transforms import BaseTransform, LoadAnnotations
from mmengine.fileio import get
from mmpretrain.datasets import transforms as mmpretrain_transforms
from mmpretrain.registry import TRANSFORMS
from PIL import Image

from projects.scm.structures import fit_boxes, fit_frame

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


def check_test_transforms(transforms: Sequence[Any]) -> None:
    """Refuse a test pipeline after which no box can be placed.

    What resizes the whole picture, mirrors it or cuts it out is told by its
    result, and refused there; the others leave no trace.

    Args:
        transforms (Sequence): The transforms of the pipeline, built.

    Raises:
        ValueError: If one of MMPretrain's crops or moves pixels; names it.
    """
    for step in _flatten(list(transforms)):
        if isinstance(step, MOVES_PIXELS_ONLY) and not isinstance(
            step, mmpretrain_transforms.ResizeEdge
        ):
            raise ValueError(
                f'{type(step).__name__} in the test pipeline moves pixels, '
                'so boxes could not be placed in the original; it must '
                'resize pictures as a whole'
            )


def fit_annotation(results: Mapping[str, Any]) -> dict[str, Any]:
    """Fit annotated boxes to the image that was read.

    Readers know the size of an image from a list at best; here it is known
    from the image itself. Boxes that were annotated in the image at another
    size, or turned by its EXIF tag, are moved; boxes that leave it are cut.
    Both are counted.

    Args:
        results (Mapping): Result dict of a pipeline: ``ori_shape``,
            ``instances`` and, where the annotation tells them, ``width`` and
            ``height``. With ``boxes_end='last_pixel'`` the far corner is at
            most ``width - 1, height - 1``. Without ``instances`` nothing is
            done.

    Returns:
        dict[str, Any]: A copy, with fitted ``instances``,
        ``num_moved_boxes``, the number of those that were annotated in
        another frame, and ``num_cut_boxes``, of those that left the image.
        What has been fitted before stays as it is, and so do boxes to be
        ignored.

    Raises:
        ValueError: If the image is not of the annotated size, or a box that
            is not ignored lies outside or has no area.
    """
    results = dict(results)
    if (
        'ori_shape' not in results
        or 'num_cut_boxes' in results
        or not results.get('instances')
    ):
        return results
    height, width = results['ori_shape'][:2]
    listed = results.get('width', width), results.get('height', height)
    instances = [dict(instance) for instance in results['instances']]
    judged = [i for i in instances if not i.get('ignore_flag', 0)]
    num_cut = num_moved = 0
    if judged:
        boxes = [instance['bbox'] for instance in judged]
        if listed != (width, height):
            boxes, _ = fit_frame(
                boxes,
                listed,
                (width, height),
                orientation=exif_orientation(results.get('img_path')),
                name='instances',
            )
            num_moved = len(judged)
        boxes, leaves = fit_boxes(
            boxes,
            (width, height),
            name='instances',
            last_pixel=results.get('boxes_end') == 'last_pixel',
        )
        for instance, box in zip(judged, boxes.tolist(), strict=True):
            instance['bbox'] = box
        num_cut = int(leaves.sum())
    results.update(
        instances=instances,
        num_cut_boxes=num_cut,
        num_moved_boxes=num_moved,
    )
    return results


def exif_orientation(path: str | None) -> int:
    """EXIF orientation of a file, 1 where it tells none.

    Args:
        path (str, optional): The file. None for pixels of no file.
    """
    if path is None:
        return 1
    with Image.open(io.BytesIO(get(path))) as image:
        return image.getexif().get(0x0112, 1)


@TRANSFORMS.register_module()
class FitAnnotation(BaseTransform):
    """Fit annotated boxes to the image, see :func:`fit_annotation`.

    Datasets of this project put it before ``LoadAnnotations``, which copies
    the boxes, and ``PackWSOLInputs`` does the same where nothing loads them.

    **Required Keys:** instances, ori_shape (nothing is done without)

    **Modified Keys:** instances

    **Added Keys:** num_cut_boxes, num_moved_boxes
    """

    def transform(self, results: dict) -> dict:
        """Fit the boxes of one image; raises as :func:`fit_annotation`."""
        return fit_annotation(results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


def insert_fit(transforms: list[Any]) -> None:
    """Put :class:`FitAnnotation` before what copies boxes, in place."""
    for index, step in enumerate(transforms):
        if isinstance(step, FitAnnotation):
            return
        if isinstance(step, LoadAnnotations) and step.with_bbox:
            transforms.insert(index, FitAnnotation())
            return


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
