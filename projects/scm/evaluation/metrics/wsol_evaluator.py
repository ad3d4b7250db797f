# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The localization protocols as a metric of MMEngine."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpretrain.registry import METRICS

from projects.scm.evaluation.functional import (
    EvaluationPlan,
    ImageRecord,
    Summary,
    format_table,
    record_image,
    save_thresholds,
    summarize,
)
from projects.scm.evaluation.functional.plan import (
    ProtocolSpec,
    ThresholdSpec,
)

from .on_cpu import on_cpu


@METRICS.register_module()
class WSOLEvaluator(BaseMetric):
    """Classification and localization accuracy under one or more protocols.

    Of every image only numbers are kept. Ground truth boxes are taken from
    the annotation (``instances``, original pixels), never from boxes that
    went through transforms. The protocols are explained in
    ``docs/evaluation.md``.

    Keys of the result are ``wsol/<protocol>/<figure>``; accuracies are in
    percent. Beside them stand ``<figure>_threshold`` and, unless thresholds
    are oracles, ``<figure>_oracle_gap`` at IoU 0.5: what the best threshold
    of this very set would add, in percentage points. Figures at IoU 0.5 have
    plain names, ``top1_loc``, others end in ``_iou30`` and so on. A table
    with all of it, and with the floors of the set, is logged.

    Args:
        protocol (str | dict | Sequence): ``'scm'``, ``'wsoleval'``,
            ``'tscam'``, a dict that overrides fields of one of them
            (``dict(type='tscam', threshold=dict(type='fixed',
            value=0.12))``), or several of these. Defaults to ``'scm'``.
        threshold (str | dict, optional): How score map thresholds are chosen
            in all protocols: ``dict(type='oracle')``; ``dict(type='fixed',
            value=0.1)``; ``dict(type='val', file='thresholds.json')``, a
            file that another evaluation wrote as its ``threshold_file``;
            ``dict(type='otsu')``. Defaults to None: what the authors of each
            protocol do, which is ``oracle`` for ``scm`` and ``wsoleval`` and
            0.1 for ``tscam``.
        iou_thresholds (Sequence[float]): Overlaps that make a hit, 0.5 among
            them. Defaults to (0.3, 0.5, 0.7).
        threshold_file (str, optional): Where the best thresholds of the
            evaluated split are written. Defaults to None.
        frame_size (int | Sequence[int]): Side, or width and height, of the
            frame in which boxes are compared. Defaults to 224.
        collect_device (str): See ``BaseMetric``. Defaults to ``'cpu'``.
        prefix (str, optional): Replaces ``wsol``. Defaults to None.
        collect_dir (str, optional): See ``BaseMetric``. Defaults to None.

    Raises:
        ValueError: If an option makes no sense.
        FileNotFoundError: If the file of given thresholds is missing.
    """

    default_prefix = 'wsol'

    def __init__(
        self,
        protocol: ProtocolSpec | Sequence[ProtocolSpec] = 'scm',
        threshold: ThresholdSpec | None = None,
        iou_thresholds: Sequence[float] = (0.3, 0.5, 0.7),
        threshold_file: str | None = None,
        frame_size: int | Sequence[int] = 224,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.plan = EvaluationPlan.build(
            protocol, threshold, iou_thresholds, frame_size
        )
        self.threshold_file = threshold_file

    @property
    def split(self) -> str | None:
        """Name of the evaluated split, where the dataset tells it."""
        return (self.dataset_meta or {}).get('split')

    def process(
        self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]
    ) -> None:
        """Reduce a batch to numbers.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[Mapping]): See :func:`record_sample`.

        Raises:
            ValueError: If a field is missing or wrong; the message names the
                image and the field.
        """
        if not self.results:
            for choice in self.plan.choices:
                choice.check_split(self.split)
        for sample in data_samples:
            self.results.append(record_sample(self.plan, on_cpu(sample)))

    def compute_metrics(self, results: list[ImageRecord]) -> dict[str, float]:
        """Compute and log the figures of all images.

        Args:
            results (list[ImageRecord]): One of each image.

        Returns:
            dict[str, float]: ``<protocol>/<figure>``.
        """
        summaries = summarize(self.plan, results)
        logger = MMLogger.get_current_instance()
        logger.info('\n%s', format_table(summaries, self.split))
        if self.threshold_file is not None:
            save_thresholds(
                self.threshold_file,
                {s.protocol.name: s.thresholds() for s in summaries},
                split=self.split,
                num_images=len(results),
            )
            logger.info('thresholds written to %s', self.threshold_file)
        return {
            f'{summary.protocol.name}/{key}': value
            for summary in summaries
            for key, value in summary.metrics().items()
        }

    @staticmethod
    def calculate(
        samples: Iterable[Mapping[str, Any]],
        protocol: ProtocolSpec | Sequence[ProtocolSpec] = 'scm',
        threshold: ThresholdSpec | None = None,
        iou_thresholds: Sequence[float] = (0.3, 0.5, 0.7),
        frame_size: int | Sequence[int] = 224,
    ) -> list[Summary]:
        """Evaluate samples outside of any pipeline.

        Args:
            samples (Iterable[Mapping]): For example the content of the file
                that ``tools/test.py --out`` writes, see
                :func:`record_sample`.
            protocol (str | dict | Sequence): See the class.
            threshold (str | dict, optional): See the class.
            iou_thresholds (Sequence[float]): See the class.
            frame_size (int | Sequence[int]): See the class.

        Returns:
            list[Summary]: One of each protocol.

        Raises:
            ValueError: If an option or a sample is wrong, or there is none.
        """
        plan = EvaluationPlan.build(
            protocol, threshold, iou_thresholds, frame_size
        )
        return summarize(
            plan, [record_sample(plan, sample) for sample in samples]
        )


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
    name = str(sample.get('img_path', 'an image without img_path'))
    missing = [
        key
        for key in (
            'score_maps',
            'score_map_labels',
            'gt_label',
            'instances',
            'ori_shape',
        )
        if sample.get(key) is None
    ]
    if missing:
        raise ValueError(
            f'{name}: missing {missing}: localization needs a head that '
            'predicts score maps, and a pipeline that loads and packs boxes'
        )
    gt_label = np.asarray(sample['gt_label']).reshape(-1)
    if len(gt_label) != 1:
        raise ValueError(
            f'{name}: gt_label: expected one class, got {gt_label.tolist()}'
        )
    labels = np.asarray(sample['score_map_labels']).reshape(-1)
    height, width = sample['ori_shape'][:2]
    return record_image(
        plan,
        sample['score_maps'],
        labels,
        gt_label[0],
        _annotated_boxes(sample['instances'], int(gt_label[0]), name),
        (width, height),
        ranking=labels[:5],
        name=name,
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
