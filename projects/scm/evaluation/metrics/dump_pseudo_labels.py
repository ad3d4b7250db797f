# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes of a test run as a COCO file, to train or test detectors with."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpretrain.registry import METRICS

from projects.scm.structures import (
    Localization,
    as_array,
    check_box_cfg,
    xyxy_to_xywh,
)
from projects.scm.structures.annotation import label_of
from projects.scm.utils import write_file
from projects.scm.utils.checks import check_flags, check_numbers, check_paths

#: Where boxes may come from, and the fields of a sample this needs.
SOURCES = {
    'predicted': ('pred_instances',),
    'gt_class': ('score_maps', 'score_map_labels', 'pred_score', 'gt_label'),
    'annotated': ('instances', 'gt_label'),
}


@dataclass(frozen=True)
class ImageBoxes:
    """What is kept of one image.

    Attributes:
        file_name: Relative to the data prefix, with ``/``.
        width: Of the original image, in pixels.
        height: Of the original image, in pixels.
        boxes: COCO annotations without their numbers, best first.
        num_found: Boxes before the filters.
    """

    file_name: str
    width: int
    height: int
    boxes: list[dict[str, Any]]
    num_found: int


@METRICS.register_module()
class DumpPseudoLabels(BaseMetric):
    """Write boxes as COCO annotations (``bbox`` is ``x, y, w, h``).

    Run over training images, with the pipeline of the test, it gives the
    pseudo labels of *Rethinking the Route Towards Weakly Supervised Object
    Localization* (PSOL, CVPR 2020): boxes to train a class-agnostic detector
    with. Training images have labels, and the map of the labelled class makes
    better boxes than that of a class which the model took it for; so this is
    the default.

    Numbers of images count the sorted file names from 1, so the file does not
    depend on the order of the images, the batch size or the number of
    processes. Coordinates are rounded to 0.001 pixels.

    Keys of the result: ``pseudo/num_images``, ``pseudo/num_boxes``,
    ``pseudo/num_filtered`` (boxes that the filters dropped) and
    ``pseudo/num_images_without_boxes``. Images without boxes stay in the
    file, without annotations.

    Args:
        out_file (str): The JSON file; its folder is made, and an older file
            is replaced when the new one is complete.
        data_prefix (str): Folder of the images; ``file_name`` is relative to
            it. The ``data_prefix.img`` of the detection dataset.
        boxes (str): ``'gt_class'`` finds them in the score map of the image's
            label, ``'predicted'`` takes ``pred_instances`` of the head,
            ``'annotated'`` writes the boxes of the dataset, which makes the
            ground truth for testing a detector. Defaults to ``'gt_class'``.
        class_agnostic (bool): Whether all boxes are of one category,
            ``object``. Otherwise the categories are the classes of the
            dataset, class 0 with the number 1. Defaults to True.
        min_score (float): Lowest score of a box, which is the probability of
            its class. Defaults to 0.0.
        area_range (Sequence[float]): Smallest and largest share of the image
            that a box may cover, both included. Defaults to (0.0, 1.0).
        box_cfg (dict, optional): With ``boxes='gt_class'``, how boxes are
            made of the score map: ``threshold``, ``contours``,
            ``interpolation`` of
            :func:`~projects.scm.structures.score_map_to_boxes`. Defaults to
            None, which means the threshold 0.1.
        collect_device (str): See ``BaseMetric``. Defaults to ``'cpu'``.
        prefix (str, optional): Replaces ``pseudo``. Defaults to None.
        collect_dir (str, optional): See ``BaseMetric``. Defaults to None.

    Raises:
        ValueError: If an option makes no sense.
    """

    default_prefix = 'pseudo'

    def __init__(
        self,
        out_file: str,
        data_prefix: str,
        boxes: str = 'gt_class',
        class_agnostic: bool = True,
        min_score: float = 0.0,
        area_range: Sequence[float] = (0.0, 1.0),
        box_cfg: Mapping[str, Any] | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        check_paths(out_file=out_file, data_prefix=data_prefix)
        if Path(out_file).suffix != '.json':
            raise ValueError(f'out_file: expected *.json, got {out_file!r}')
        if boxes not in tuple(SOURCES):
            raise ValueError(
                f'boxes: expected one of {tuple(SOURCES)}, got {boxes!r}'
            )
        check_flags(class_agnostic=class_agnostic)
        check_numbers('[0, 1]', min_score=min_score)
        if not isinstance(area_range, Sequence):
            area_range = (area_range,)
        area_range = tuple(area_range)
        for share in area_range:
            check_numbers('[0, 1]', area_range=share)
        if len(area_range) != 2 or not area_range[0] < area_range[1]:
            raise ValueError(
                'area_range: expected two rising shares in [0, 1], got '
                f'{area_range}'
            )
        filtered = min_score > 0 or area_range != (0, 1)
        if boxes == 'annotated' and filtered:
            raise ValueError(
                "boxes='annotated' is ground truth: min_score and area_range "
                'do not apply'
            )
        if box_cfg is not None and boxes != 'gt_class':
            raise ValueError(
                f"box_cfg belongs to boxes='gt_class', not {boxes!r} (the "
                "boxes of 'predicted' are made by model.head.box_cfg)"
            )
        self.out_file = Path(out_file)
        self.data_prefix = data_prefix
        self.boxes = boxes
        self.class_agnostic = class_agnostic
        self.min_score = min_score
        self.area_range = area_range
        self.box_cfg = check_box_cfg(box_cfg, threshold=0.1)

    def process(
        self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]
    ) -> None:
        """Take the boxes of a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[Mapping]): ``DataSample.to_dict()`` with
                ``img_path``, ``ori_shape`` and the fields that :data:`SOURCES`
                names; ``img_shape`` with the boxes of ``gt_class``.

        Raises:
            ValueError: If a field is missing or wrong; the message names the
                image and the field.
        """
        for sample in data_samples:
            self.results.append(self._take(sample))

    def compute_metrics(self, results: list[ImageBoxes]) -> dict[str, int]:
        """Write the file.

        Args:
            results (list[ImageBoxes]): Of all images, in any order.

        Returns:
            dict[str, int]: Counts, see the class.

        Raises:
            ValueError: If an image came twice, with different boxes, or the
                classes of the dataset are not known.
        """
        images = {}
        for image in results:
            if images.setdefault(image.file_name, image) != image:
                raise ValueError(
                    f'{image.file_name} came twice, with different boxes'
                )
        images = [images[name] for name in sorted(images)]
        content = self._coco(images)
        write_file(self.out_file, json.dumps(content).encode())
        num_boxes = len(content['annotations'])
        counts = {
            'num_images': len(images),
            'num_boxes': num_boxes,
            'num_filtered': sum(i.num_found for i in images) - num_boxes,
            'num_images_without_boxes': sum(not i.boxes for i in images),
        }
        told = ', '.join(f'{value} {key}' for key, value in counts.items())
        logger = MMLogger.get_current_instance()
        logger.info('%s: %s', self.out_file, told)
        return counts

    def _take(self, sample: Mapping[str, Any]) -> ImageBoxes:
        """Boxes of one image that pass the filters."""
        need = ('img_path', 'ori_shape', *SOURCES[self.boxes])
        if self.boxes == 'gt_class':
            need += ('img_shape',)
        found = Localization.from_mapping(
            sample, need, f'needed for boxes={self.boxes!r}'
        )
        if self.boxes == 'annotated':
            boxes = _annotated(sample)
        else:
            found.check_geometry()
            if self.boxes == 'gt_class':
                found = found.with_boxes([label_of(sample)], **self.box_cfg)
            boxes = _predicted(found)
        width, height = found.image_size_wh
        kept = []
        for box in boxes:
            share = box['area'] / (width * height)
            if box['score'] >= self.min_score and (
                self.boxes == 'annotated'
                or self.area_range[0] <= share <= self.area_range[1]
            ):
                kept.append(box)
        return ImageBoxes(
            self._file_name(found.name), width, height, kept, len(boxes)
        )

    def _file_name(self, path: str) -> str:
        """Path of an image relative to the data prefix."""
        prefix = str(self.data_prefix)
        if '://' not in path:
            path, prefix = os.path.abspath(path), os.path.abspath(prefix)
        try:
            return PurePath(path).relative_to(prefix).as_posix()
        except ValueError as error:
            raise ValueError(
                f'{path} is not below data_prefix {prefix}'
            ) from error

    def _coco(self, images: list[ImageBoxes]) -> dict[str, Any]:
        """Content of the file."""
        names = self._category_names()
        content = {
            'info': {'description': self._description()},
            'images': [],
            'annotations': [],
            'categories': [
                {'id': number, 'name': name}
                for number, name in enumerate(names, 1)
            ],
        }
        for image_id, image in enumerate(images, 1):
            content['images'].append(
                {
                    'id': image_id,
                    'file_name': image.file_name,
                    'width': image.width,
                    'height': image.height,
                }
            )
            for box in image.boxes:
                box = dict(box, image_id=image_id)
                label = 0 if self.class_agnostic else box['category_id'] - 1
                if label >= len(names):
                    raise ValueError(
                        f'{image.file_name}: label {label}, but the dataset '
                        f'has {len(names)} classes'
                    )
                box['category_id'] = label + 1
                box['id'] = len(content['annotations']) + 1
                content['annotations'].append(box)
        return content

    def _category_names(self) -> Sequence[str]:
        if self.class_agnostic:
            return ('object',)
        names = (self.dataset_meta or {}).get('classes')
        if names is None:
            raise ValueError(
                'class_agnostic=False needs the names of the classes, which '
                'the dataset does not tell'
            )
        return names

    def _description(self) -> str:
        if self.boxes == 'annotated':
            return 'boxes of the dataset'
        how = f', {self.box_cfg}' if self.boxes == 'gt_class' else ''
        return (
            f'pseudo labels: boxes={self.boxes}{how}, '
            f'min_score={self.min_score}, area_range={self.area_range}'
        )


def _predicted(found: Localization) -> list[dict[str, Any]]:
    """Boxes that were found, best first."""
    boxes, labels, scores = map(
        as_array, (found.bboxes, found.box_labels, found.box_scores)
    )
    return [
        _annotation(boxes[i], int(labels[i]), float(scores[i]))
        for i in np.argsort(-scores, kind='stable')
    ]


def _annotated(sample: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Boxes of the dataset, those to be ignored as crowds."""
    label = label_of(sample)
    for index, instance in enumerate(sample['instances']):
        if 'bbox' not in instance:
            raise ValueError(
                f'{sample["img_path"]}: instances[{index}]: missing bbox'
            )
    return [
        _annotation(
            instance['bbox'],
            int(instance.get('bbox_label', label)),
            iscrowd=int(instance.get('ignore_flag', 0)),
        )
        for instance in sample['instances']
    ]


def _annotation(
    box: Sequence[float], label: int, score: float = 1.0, iscrowd: int = 0
) -> dict[str, Any]:
    """A box ``x0, y0, x1, y1``, half-open, as COCO has it."""
    bbox = xyxy_to_xywh(np.asarray(box, dtype=np.float64)[None])[0]
    bbox = bbox.round(3).tolist()
    return {
        'bbox': bbox,
        'area': round(bbox[2] * bbox[3], 3),
        'category_id': label + 1,
        'score': score,
        'iscrowd': iscrowd,
    }
