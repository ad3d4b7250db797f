# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Localization accuracy of a detector joined with a classifier."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.fileio import load

from projects.scm.evaluation.functional.joined import (
    ClassifiedImage,
    joined_localization,
    take_classified_image,
)


@METRICS.register_module()
class JoinedLocalization(BaseMetric):
    """Top-1, Top-5 and GT-known localization of two models.

    The classifier's test run, on the same images, names the classes; the
    detector's best box, of whatever category, says where. This is how PSOL
    is evaluated. Keys of the result are ``joined/top1_loc`` and so on, in
    percent; how boxes are compared, and all keys, are told by
    :func:`~projects.scm.evaluation.functional.joined.joined_localization`.

    Args:
        classifier_results (str): The file that ``tools/test.py --out`` wrote.
        iou_threshold (float): Overlap that makes a hit. Defaults to 0.5.
        frame_size (int): Side of the frame in which boxes are compared.
            Defaults to 224.
        collect_device (str): See ``BaseMetric``. Defaults to ``'cpu'``.
        prefix (str, optional): Replaces ``joined``. Defaults to None.
        collect_dir (str, optional): See ``BaseMetric``. Defaults to None.

    Raises:
        FileNotFoundError: If there is no such file.
    """

    default_prefix = 'joined'

    def __init__(
        self,
        classifier_results: str,
        iou_threshold: float = 0.5,
        frame_size: int = 224,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if not Path(classifier_results).is_file():
            raise FileNotFoundError(
                f'classifier_results: {classifier_results} does not exist: '
                'write it with tools/test.py CONFIG CHECKPOINT --out FILE, on '
                'the images that the detector is tested on'
            )
        self.classifier_results = classifier_results
        self.iou_threshold = iou_threshold
        self.frame_size = frame_size

    def process(
        self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]
    ) -> None:
        """Keep the best box of each image.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[Mapping]): ``DetDataSample.to_dict()`` with
                ``img_path`` and ``pred_instances`` in original pixels.
        """
        for sample in data_samples:
            found = sample['pred_instances']
            box = None
            if len(found['scores']):
                best = int(np.argmax(np.asarray(found['scores'].cpu())))
                box = found['bboxes'][best].tolist()
            path = os.path.abspath(sample['img_path'])
            self.results.append({'path': path, 'box': box})

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Join both results by the paths of the images.

        Args:
            results (list[dict]): Path and box of each image.

        Returns:
            dict[str, float]: See the class.

        Raises:
            ValueError: If the two results are not of the same images.
        """
        images = self._classified_images()
        boxes = {result['path']: result['box'] for result in results}
        alone = sorted(images.keys() ^ boxes.keys())
        if alone:
            raise ValueError(
                f'the detector was tested on {len(boxes)} images, the '
                f'classifier ({self.classifier_results}) on {len(images)}; '
                f'{len(alone)} of them have only one result, for instance '
                f'{alone[0]}'
            )
        return joined_localization(
            list(images.values()),
            [boxes[path] for path in images],
            self.iou_threshold,
            (self.frame_size, self.frame_size),
        )

    def _classified_images(self) -> dict[str, ClassifiedImage]:
        """Images of the classifier's test run, by their absolute paths."""
        images = {}
        for sample in load(self.classifier_results):
            image = take_classified_image(sample)
            images[os.path.abspath(sample['img_path'])] = image
        return images
