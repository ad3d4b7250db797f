# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The localization protocols as a metric of MMEngine."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpretrain.registry import METRICS

from projects.scm.evaluation.functional import (
    EvaluationPlan,
    ImageRecord,
    Summary,
    format_differences,
    format_table,
    have_boxes,
    have_masks,
    pair_records,
    save_thresholds,
    summarize,
    summarize_pixels,
)
from projects.scm.evaluation.functional.differences import same_truth
from projects.scm.evaluation.functional.plan import (
    ProtocolSpec,
    ThresholdSpec,
)
from projects.scm.utils import load_test_run
from projects.scm.utils.checks import check_paths, check_positive
from projects.scm.utils.workers import (
    OrderedWork,
    default_workers,
    ordered_map,
)

from .samples import (
    ClassifiedImage,
    load_classified_images,
    record_detection,
    record_sample,
)


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

    On a set without boxes (``with_boxes=False`` in its dataset) there are
    classification figures alone, and a line that says why. On a set with
    masks (``OpenImagesLocalization``, ``CUBLocalization(mask_root=…)``) there
    are ``wsol/masks/pxap`` and ``wsol/masks/peak_pixel_iou`` as well, in the
    same table.

    The boxes of a detector are evaluated if ``classifier_results`` says which
    classes a classifier predicts on the same images: the detector's best box
    of an image, of whatever category, stands for the maps of all classes, as
    in PSOL. There is no threshold to choose then.

    Images of the first batch are evaluated at once, so that what is wrong with
    a set or a model ends the test there. Later ones are evaluated in threads
    while the model goes on with the next batch.

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
        classifier_results (str, optional): The file that ``tools/test.py
            --out`` wrote for a classifier, if boxes come from a detector.
            Defaults to None.
        compare_with (str, optional): The file that ``tools/test.py --out``
            wrote for another run on the same images. A second table has the
            differences to it, with intervals. Defaults to None.
        num_workers (int, optional): Threads that evaluate. Defaults to
            None: one a core, at most four.
        collect_device (str): See ``BaseMetric``. Defaults to ``'cpu'``.
        prefix (str, optional): Replaces ``wsol``. Defaults to None.
        collect_dir (str, optional): See ``BaseMetric``. Defaults to None.

    Raises:
        ValueError: If an option makes no sense.
        FileNotFoundError: If the file of given thresholds, or of the
            classifier's results, is missing.
    """

    default_prefix = 'wsol'

    def __init__(
        self,
        protocol: ProtocolSpec | Sequence[ProtocolSpec] = 'scm',
        threshold: ThresholdSpec | None = None,
        iou_thresholds: Sequence[float] = (0.3, 0.5, 0.7),
        threshold_file: str | None = None,
        frame_size: int | Sequence[int] = 224,
        classifier_results: str | None = None,
        compare_with: str | None = None,
        num_workers: int | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if threshold_file is not None:
            check_paths(threshold_file=threshold_file)
        for option, file in (
            ('classifier_results', classifier_results),
            ('compare_with', compare_with),
        ):
            if file is None:
                continue
            check_paths(**{option: file})
            if not Path(file).is_file():
                raise FileNotFoundError(
                    f'{option}: {file} does not exist: write it with '
                    'tools/test.py CONFIG CHECKPOINT --out FILE, on the '
                    'images of this test'
                )
        if classifier_results is not None:
            threshold = 'none' if threshold is None else threshold
            if compare_with is not None:
                raise ValueError(
                    f'compare_with: {compare_with} has score maps, beside '
                    'which the boxes of a detector (classifier_results) have '
                    'no place'
                )
        self.classifier_results = classifier_results
        self.compare_with = compare_with
        self.plan = EvaluationPlan.build(
            protocol, threshold, iou_thresholds, frame_size
        )
        self.plan.check_source(given_boxes=classifier_results is not None)
        self.threshold_file = threshold_file
        if num_workers is None:
            num_workers = default_workers()
        check_positive(num_workers=num_workers)
        self._work: OrderedWork[ImageRecord] = OrderedWork(num_workers)

    @property
    def split(self) -> str | None:
        """Name of the evaluated split, where the dataset tells it."""
        return (self.dataset_meta or {}).get('split')

    @cached_property
    def classified_images(self) -> dict[str, ClassifiedImage]:
        """What ``classifier_results`` holds, by absolute path of the image."""
        return load_classified_images(self.classifier_results)

    @cached_property
    def other_run(self) -> dict[str, list[ImageRecord]]:
        """What ``compare_with`` holds, by file names without folders."""
        found = defaultdict(list)
        try:
            for record in ordered_map(
                partial(record_sample, self.plan),
                load_test_run(self.compare_with),
            ):
                found[Path(record.name).name].append(record)
        except ValueError as error:
            raise ValueError(f'{self.compare_with}: {error}') from error
        return dict(found)

    def process(
        self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]
    ) -> None:
        """Reduce a batch to numbers.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[Mapping]): See :func:`record_sample`, or
                :func:`record_detection` with ``classifier_results``.

        Raises:
            ValueError: If a field is missing or wrong; the message names the
                image and the field. If some images have boxes and others do
                not. What is wrong with an image of the batch before may be
                said here, and with one of the last in :meth:`evaluate`.
        """
        if not self.results:
            for choice in self.plan.choices:
                choice.check_split(self.split)
            for sample in data_samples:
                self._keep(self._record(sample))
            return
        for sample in data_samples:
            self._work.submit(self._record, sample)
        for record in self._work.results(most_waiting=len(data_samples)):
            self._keep(record)

    def evaluate(self, size: int) -> dict[str, float]:
        """Wait for the last images, and compute the figures of all.

        Args:
            size (int): Images of the data set.

        Returns:
            dict[str, float]: ``wsol/<protocol>/<figure>``.

        Raises:
            ValueError: See :meth:`process` and :meth:`compute_metrics`.
        """
        for record in self._work.results():
            self._keep(record)
        return super().evaluate(size)

    def _record(self, sample: Mapping[str, Any]) -> ImageRecord:
        """Reduce a sample to numbers; called in threads."""
        if self.classifier_results is None:
            return record_sample(self.plan, sample)
        return record_detection(self.plan, sample, self.classified_images)

    def _keep(self, record: ImageRecord) -> None:
        """Check a record now, and not when hours of testing are over."""
        self._check_boxes(record)
        if self.compare_with is not None:
            self._check_other_run(record)
        self.results.append(record)

    def compute_metrics(self, results: list[ImageRecord]) -> dict[str, float]:
        """Compute and log the figures of all images.

        Args:
            results (list[ImageRecord]): One of each image.

        Returns:
            dict[str, float]: ``<protocol>/<figure>``.

        Raises:
            ValueError: If the detector was not tested on all images of the
                classifier, or there is no image.
        """
        if self.classifier_results is not None:
            self._check_complete(results)
        summaries = summarize(self.plan, results)
        pixels = summarize_pixels(results)
        logger = MMLogger.get_current_instance()
        logger.info('\n%s', format_table(summaries, self.split, pixels))
        if self.compare_with is not None:
            others = list(chain.from_iterable(self.other_run.values()))
            paired = pair_records(results, others, self.compare_with)
            other = summarize(self.plan, paired)
            name = Path(self.compare_with).stem
            logger.info('\n%s', format_differences(summaries, other, name))
        if self.threshold_file is not None and not summaries[0].figures:
            logger.warning(
                '%s is not written: no threshold is best without boxes',
                self.threshold_file,
            )
        elif self.threshold_file is not None:
            save_thresholds(
                self.threshold_file,
                {s.protocol.name: s.thresholds() for s in summaries},
                split=self.split,
                num_images=len(results),
            )
            logger.info('thresholds written to %s', self.threshold_file)
        found = {s.protocol.name: s.metrics() for s in summaries}
        if pixels is not None:
            found['masks'] = pixels.metrics()
        return {
            f'{name}/{key}': value
            for name, numbers in found.items()
            for key, value in numbers.items()
        }

    def _check_boxes(self, record: ImageRecord) -> None:
        """Refuse an image without boxes, or masks, in a set that has some."""
        promised = (self.dataset_meta or {}).get('with_boxes', False)
        if promised and not len(record.gt_boxes):
            raise ValueError(
                f'{record.name}: no ground truth box; annotate all images, '
                'or set with_boxes=False in the dataset to measure '
                'classification alone'
            )
        have_boxes([*self.results[:1], record])
        have_masks([*self.results[:1], record])

    def _check_other_run(self, record: ImageRecord) -> None:
        """Refuse an image that the run to compare with does not have."""
        others = self.other_run.get(Path(record.name).name, ())
        if not any(same_truth(record, other) for other in others):
            raise ValueError(
                f'compare_with: {record.name}: {self.compare_with} has no '
                'image of this name, this class and these boxes'
            )

    def _check_complete(self, results: list[ImageRecord]) -> None:
        missing = self.classified_images.keys() - {r.name for r in results}
        if missing:
            raise ValueError(
                f'{self.classifier_results}: {len(self.classified_images)} '
                f'images, the detector was not tested on {len(missing)} of '
                f'them, for instance {min(missing)}'
            )

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
            plan, list(ordered_map(partial(record_sample, plan), samples))
        )
