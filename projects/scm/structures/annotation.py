# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What the annotation says of one image."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .localization import NAMELESS, as_array

ANNOTATION_KEYS = ('gt_label', 'instances', 'ori_shape')


class MaskFiles(NamedTuple):
    """Files of the masks of one image.

    Attributes:
        objects: One mask, or several that lie over each other.
        ignored: Mask of what is not judged, where there is one.
        above: Grey values of the objects' masks above this are foreground.
    """

    objects: Sequence[str]
    ignored: str | None = None
    above: float = 0.5

    @property
    def files(self) -> list[str]:
        """All of them."""
        return [*self.objects, *([self.ignored] if self.ignored else [])]


class Annotation(NamedTuple):
    """What a data sample knows of the truth.

    Attributes:
        gt_label: The true class.
        gt_boxes: Its boxes, ``x0, y0, x1, y1``, in original pixels, without
            those that are to be ignored; none in a set without boxes.
        image_size_wh: Width and height of the original image.
        num_cut_boxes: How many of its boxes left the image and were cut.
        num_moved_boxes: How many were of a picture of another size, or
            turned, and were moved.
        masks: Files of its masks; None in a set without masks.
    """

    gt_label: int
    gt_boxes: list[Sequence[float]]
    image_size_wh: tuple[int, int]
    num_cut_boxes: int = 0
    num_moved_boxes: int = 0
    masks: MaskFiles | None = None

    @classmethod
    def from_mapping(cls, sample: Mapping[str, Any]) -> 'Annotation':
        """Read what ``DataSample.to_dict()`` holds.

        Args:
            sample (Mapping): ``gt_label`` (1,), ``instances``, a list of
                dicts with ``bbox`` in original pixels and, if known,
                ``bbox_label`` and ``ignore_flag``, ``ori_shape`` (height,
                width), and ``mask_files``, a dict of the fields of
                :class:`MaskFiles`, in a set with masks.

        Returns:
            Annotation: The record.

        Raises:
            ValueError: If a key is missing or wrong; the message names the
                image and the key.
        """
        name = str(sample.get('img_path', NAMELESS))
        missing = [k for k in ANNOTATION_KEYS if sample.get(k) is None]
        if missing:
            raise ValueError(
                f'{name}: missing {missing}: the annotation comes from a '
                'dataset that loads boxes, or says with_boxes=False, and a '
                'pipeline that ends in PackWSOLInputs'
            )
        label = label_of(sample)
        boxes = []
        for index, instance in enumerate(sample['instances']):
            if 'bbox' not in instance:
                raise ValueError(f'{name}: instances[{index}]: missing bbox')
            found = instance.get('bbox_label', label)
            if found != label:
                raise ValueError(
                    f'{name}: instances[{index}]: bbox_label {found} differs '
                    f'from gt_label {label}'
                )
            if not instance.get('ignore_flag', 0):
                boxes.append(instance['bbox'])
        if sample['instances'] and not boxes:
            raise ValueError(
                f'{name}: instances: no ground truth box, all of '
                f'{len(sample["instances"])} are to be ignored'
            )
        masks = sample.get('mask_files')
        if masks is not None:
            try:
                masks = MaskFiles(**masks)
            except TypeError as error:
                raise ValueError(
                    f'{name}: mask_files: expected {MaskFiles._fields}, got '
                    f'{masks!r:.200}'
                ) from error
        return cls(
            label,
            boxes,
            tuple(int(side) for side in sample['ori_shape'][1::-1]),
            sample.get('num_cut_boxes', 0),
            sample.get('num_moved_boxes', 0),
            masks,
        )


def label_of(sample: Mapping[str, Any]) -> int:
    """The one class that an image is annotated with.

    Raises:
        ValueError: If there are several, or none.
    """
    labels = as_array(sample['gt_label']).reshape(-1)
    if len(labels) != 1:
        raise ValueError(
            f'{sample.get("img_path", NAMELESS)}: gt_label: expected one '
            f'class, got {labels.tolist()}'
        )
    return int(labels[0])
