# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""From the records of all images to the figures of a protocol."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .bootstrap import Interval, bootstrap_interval, paired_bootstrap
from .error_breakdown import ERROR_KINDS
from .floors import box_floors
from .image_record import ImageRecord, have_boxes
from .plan import EvaluationPlan
from .protocols import Measure, Protocol
from .thresholds import ThresholdChoice

CLASSIFICATION = ('top1_cls_acc', 'top5_cls_acc')


def is_trivial(key: str, num_classes: int | None) -> bool:
    """Whether a figure of the five best classes looks at all of them.

    Tables leave such figures out.

    Args:
        key (str): Its name.
        num_classes (int, optional): Of the model; None if not known.
    """
    return 'top5' in key and num_classes is not None and num_classes < 6


@dataclass
class Figure:
    """One accuracy. All accuracies are in percent.

    Attributes:
        value: The accuracy at the chosen threshold.
        iou: The IoU threshold; None for a mean over several.
        threshold: The chosen score map threshold; None for Otsu's, which
            differs from map to map, for means over several, and where boxes
            were given.
        oracle: The accuracy at the threshold that is best for this set, of
            the protocol's grid and those that were given.
        oracle_threshold: That threshold, the lowest of several; None for
            means, and where boxes were given.
        otsu: The accuracy with Otsu's threshold of each map.
        floor_full_image: Accuracy of the full-image box, whatever the class.
        floor_centred_square: Accuracy of the best centred square, whatever
            the class.
        curve: (T,) accuracy at each threshold of the protocol's grid; None
            for means, and where boxes were given.
        hits: (n,) whether each image is a hit at the chosen threshold; for
            means their share of hits.
    """

    value: float
    iou: float | None
    threshold: float | None
    oracle: float
    oracle_threshold: float | None
    otsu: float
    floor_full_image: float
    floor_centred_square: float
    curve: np.ndarray | None = field(default=None, repr=False)
    hits: np.ndarray | None = field(default=None, repr=False)

    @property
    def oracle_gap(self) -> float:
        """What the best threshold would add, in percentage points."""
        return self.oracle - self.value


#: Numbers of a figure that are written down.
FIGURE_NUMBERS = (
    'value',
    'iou',
    'threshold',
    'oracle',
    'oracle_threshold',
    'oracle_gap',
    'otsu',
    'floor_full_image',
    'floor_centred_square',
)


@dataclass
class Summary:
    """The figures of one protocol on one set of images.

    Attributes:
        protocol: The protocol.
        choice: How thresholds were chosen.
        num_images: Number of images.
        num_cut_boxes: Number of true boxes that left their image and were
            cut.
        num_moved_boxes: Number of true boxes that were annotated in their
            image at another size, or turned.
        classification: ``top1_cls_acc`` and ``top5_cls_acc`` in percent,
            where there is a ranking.
        figures: By name; none where the images have no boxes.
        errors: Shares of the error kinds in percent, at the threshold of
            ``errors_of``; empty where the protocol does not look at the
            predicted class, or there are no boxes.
        errors_of: The figure whose threshold the errors belong to.
        gt_labels: (n,) int64, true classes in the order of ``Figure.hits``.
        ranks: (n,) places of the true classes among the best five, -1 if not
            among them; None if there is no ranking.
        num_classes: Classes that the model knows; None if that is not known.
    """

    protocol: Protocol
    choice: ThresholdChoice
    num_images: int
    num_cut_boxes: int
    num_moved_boxes: int
    classification: dict[str, float]
    figures: dict[str, Figure]
    errors: dict[str, float]
    errors_of: str | None
    gt_labels: np.ndarray = field(repr=False)
    ranks: np.ndarray | None = field(default=None, repr=False)
    num_classes: int | None = None

    def hits(self) -> dict[str, np.ndarray]:
        """(n,) hits of the images, of every accuracy by its name."""
        found = {key: figure.hits for key, figure in self.figures.items()}
        if self.ranks is None:
            return found
        best, any_of_five = CLASSIFICATION
        return {best: self.ranks == 0, any_of_five: self.ranks >= 0, **found}

    def accuracies(self) -> dict[str, float]:
        """Every accuracy in percent, by its name."""
        values = {key: figure.value for key, figure in self.figures.items()}
        return {**self.classification, **values}

    def intervals(self) -> dict[str, Interval]:
        """Bootstrap intervals of every accuracy, by its name."""
        return {k: bootstrap_interval(hits) for k, hits in self.hits().items()}

    def leads(self, other: 'Summary') -> dict[str, Interval]:
        """Differences to another run, by the name of the accuracy.

        Args:
            other (Summary): Of the same protocol and images, in one order.

        Returns:
            dict[str, Interval]: This run minus the other, of a paired
            bootstrap.
        """
        hits, others = self.hits(), other.hits()
        return {k: paired_bootstrap([hits[k]], [others[k]]) for k in hits}

    def metrics(self) -> dict[str, float]:
        """Numbers by name, for logs.

        Returns:
            dict[str, float]: Accuracies and error shares in percent; beside
            them ``…_threshold`` and, where thresholds are neither oracles
            nor missing, the ``…_oracle_gap`` of figures at IoU 0.5 and of
            means.
        """
        numbers = self.accuracies()
        for key, figure in self.figures.items():
            if figure.threshold is not None:
                numbers[f'{key}_threshold'] = figure.threshold
            if figure.iou in (None, 0.5) and self.choice.type not in (
                'oracle',
                'none',
            ):
                numbers[f'{key}_oracle_gap'] = figure.oracle_gap
        for kind, share in self.errors.items():
            numbers[f'error_{kind}'] = share
        return numbers

    def thresholds(self) -> dict[str, float]:
        """Best thresholds of this set by figure, to be used on another."""
        return {
            key: figure.oracle_threshold
            for key, figure in self.figures.items()
            if figure.oracle_threshold is not None
        }

    def per_class(self) -> list[dict[str, Any]]:
        """Accuracies of each true class in percent, at chosen thresholds."""
        rows = []
        for label in np.unique(self.gt_labels):
            members = self.gt_labels == label
            row = {'label': int(label), 'num_images': int(members.sum())}
            for key, figure in self.figures.items():
                row[key] = float(figure.hits[members].mean() * 100)
            rows.append(row)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and strings, for JSON."""
        grid, intervals = self.protocol.grid, self.intervals()
        return {
            'protocol': self.protocol.name,
            'num_images': self.num_images,
            'num_cut_boxes': self.num_cut_boxes,
            'num_moved_boxes': self.num_moved_boxes,
            'threshold_choice': str(self.choice),
            'classification': self.classification,
            'intervals': {k: [i.low, i.high] for k, i in intervals.items()},
            'figures': {
                key: {name: getattr(figure, name) for name in FIGURE_NUMBERS}
                for key, figure in self.figures.items()
            },
            'errors': self.errors,
            'curves': {
                'thresholds': grid.tolist(),
                **{
                    key: figure.curve.tolist()
                    for key, figure in self.figures.items()
                    if figure.curve is not None
                },
            },
            'per_class': self.per_class(),
        }


def summarize(
    plan: EvaluationPlan, records: Sequence[ImageRecord]
) -> list[Summary]:
    """Compute the figures of all protocols of a plan.

    Args:
        plan (EvaluationPlan): The plan that made the records.
        records (Sequence[ImageRecord]): One of each image.

    Returns:
        list[Summary]: One of each protocol.

    Raises:
        ValueError: If there is no record, or some images have boxes and
            others do not.
    """
    if len(records) == 0:
        raise ValueError('no images were evaluated')
    floors = None
    if have_boxes(records):
        floors = box_floors(
            [record.gt_boxes for record in records],
            plan.iou_thresholds,
            plan.frame_size_wh,
        )
    return [
        _summarize_protocol(plan, index, records, floors)
        for index in range(len(plan.protocols))
    ]


def _summarize_protocol(
    plan: EvaluationPlan,
    index: int,
    records: Sequence[ImageRecord],
    floors: dict[str, list[float]] | None,
) -> Summary:
    protocol, choice = plan.protocols[index], plan.choices[index]
    thresholds = plan.thresholds(index)
    figures: dict[str, Figure] = {}
    measures = protocol.measures if floors is not None else ()
    for measure in measures:
        packed = np.stack(
            [record.hits[protocol.name][measure.name] for record in records]
        )
        parts = [
            _figure(
                measure,
                iou,
                np.unpackbits(
                    packed[:, place], axis=-1, count=len(thresholds) + 1
                ),
                protocol,
                choice,
                thresholds,
                [
                    floors[kind][place]
                    for kind in ('full_image', 'centred_square')
                ],
            )
            for place, iou in enumerate(plan.iou_thresholds)
        ]
        if measure.mean_over_ious:
            figures[measure.name] = _mean_figure(parts)
        for iou, part in sorted(
            zip(plan.iou_thresholds, parts, strict=True),
            key=lambda pair: pair[0] != 0.5,
        ):
            figures[measure.key(iou)] = part
    ranks = [record.rank for record in records]
    errors, errors_of = _errors(protocol, thresholds, records, figures)
    return Summary(
        protocol=protocol,
        choice=choice,
        num_images=len(records),
        num_cut_boxes=sum(record.num_cut_boxes for record in records),
        num_moved_boxes=sum(record.num_moved_boxes for record in records),
        classification=_classification(records),
        figures=figures,
        errors=errors,
        errors_of=errors_of,
        gt_labels=np.array([record.gt_label for record in records]),
        ranks=None if None in ranks else np.array(ranks),
        num_classes=records[0].num_classes,
    )


def _column(thresholds: np.ndarray, threshold: float | None) -> int:
    """Place of a threshold; the last one if there is no number: Otsu's."""
    if threshold is None:
        return len(thresholds)
    return int(np.flatnonzero(thresholds == threshold)[0])


def _figure(
    measure: Measure,
    iou: float,
    hits: np.ndarray,
    protocol: Protocol,
    choice: ThresholdChoice,
    thresholds: np.ndarray,
    floors: Sequence[float],
) -> Figure:
    """A figure from (n, T + e + 1) hits."""
    accuracy = hits.sum(axis=0) * 100.0 / len(hits)
    best = int(accuracy[:-1].argmax())
    if choice.type == 'oracle':
        column = best
    else:
        column = _column(
            thresholds, choice.threshold_of(protocol.name, measure.key(iou))
        )
    given, unknown = choice.type == 'none', column == len(thresholds)
    return Figure(
        value=float(accuracy[column]),
        iou=iou,
        threshold=None if unknown else float(thresholds[column]),
        oracle=float(accuracy[best]),
        oracle_threshold=None if given else float(thresholds[best]),
        otsu=float(accuracy[-1]),
        floor_full_image=floors[0],
        floor_centred_square=floors[1],
        curve=None if given else accuracy[: len(protocol.grid)],
        hits=hits[:, column],
    )


def _mean_figure(parts: Sequence[Figure]) -> Figure:
    """The mean of the figures at all IoU thresholds."""

    def mean(field: str) -> float:
        return float(np.mean([getattr(part, field) for part in parts]))

    thresholds = {part.threshold for part in parts}
    return Figure(
        value=mean('value'),
        iou=None,
        threshold=thresholds.pop() if len(thresholds) == 1 else None,
        oracle=mean('oracle'),
        oracle_threshold=None,
        otsu=mean('otsu'),
        floor_full_image=mean('floor_full_image'),
        floor_centred_square=mean('floor_centred_square'),
        hits=np.mean([part.hits for part in parts], axis=0),
    )


def _classification(records: Sequence[ImageRecord]) -> dict[str, float]:
    ranks = [record.rank for record in records]
    if None in ranks:
        return {}
    return {
        name: sum(0 <= r < best for r in ranks) * 100.0 / len(ranks)
        for name, best in zip(CLASSIFICATION, (1, 5), strict=True)
    }


def _errors(
    protocol: Protocol,
    thresholds: np.ndarray,
    records: Sequence[ImageRecord],
    figures: dict[str, Figure],
) -> tuple[dict[str, float], str | None]:
    """Shares of error kinds at the threshold of the Top-1 figure."""
    names = [m.name for m in protocol.measures if m.needs_class]
    if not names or not figures:
        return {}, None
    of = names[0]
    column = _column(thresholds, figures[of].threshold)
    kinds = np.array(
        [record.kinds[protocol.name][column] for record in records]
    )
    counts = np.bincount(kinds, minlength=len(ERROR_KINDS))
    shares = counts * 100.0 / len(records)
    return dict(zip(ERROR_KINDS, shares.tolist(), strict=True)), of
