# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What is to be evaluated: protocols, thresholds, overlaps, frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from projects.scm.structures import CONTOURS
from projects.scm.utils.checks import check_numbers, check_positive

from .protocols import Protocol, get_protocol
from .threshold_boxes import NO_LIMIT
from .thresholds import ThresholdChoice

ProtocolSpec = str | Mapping[str, Any] | Protocol
ThresholdSpec = str | Mapping[str, Any] | ThresholdChoice


@dataclass(frozen=True)
class EvaluationPlan:
    """What is to be computed for every image.

    Attributes:
        protocols: The protocols, each with a name of its own.
        choices: How each protocol's thresholds are chosen.
        iou_thresholds: A hit has at least this IoU. Must hold 0.5.
        frame_size_wh: Where boxes are compared.
    """

    protocols: tuple[Protocol, ...]
    choices: tuple[ThresholdChoice, ...]
    iou_thresholds: tuple[float, ...] = (0.3, 0.5, 0.7)
    frame_size_wh: tuple[int, int] = (224, 224)

    def __post_init__(self) -> None:
        names = [protocol.name for protocol in self.protocols]
        if len(set(names)) < len(names) or not names:
            raise ValueError(
                f'protocols: expected different names, got {names}'
            )
        if 0.5 not in self.iou_thresholds or not all(
            0 < iou <= 1 for iou in self.iou_thresholds
        ):
            raise ValueError(
                'iou_thresholds: expected numbers in (0, 1], 0.5 among '
                f'them, got {self.iou_thresholds}'
            )
        labels = [f'{iou * 100:.10g}' for iou in self.iou_thresholds]
        if len(set(labels)) < len(labels):
            raise ValueError(
                'iou_thresholds: expected numbers that differ, got '
                f'{self.iou_thresholds}'
            )
        types = [choice.type for choice in self.choices]
        if 'none' in types and set(types) != {'none'}:
            raise ValueError(
                "threshold: 'none' is for the boxes of a detector, in all "
                f'protocols or in none, got {types}'
            )
        for protocol, choice in zip(self.protocols, self.choices, strict=True):
            for key in self.keys(protocol):
                choice.threshold_of(protocol.name, key)

    @classmethod
    def build(
        cls,
        protocol: ProtocolSpec | Sequence[ProtocolSpec] = 'scm',
        threshold: ThresholdSpec | None = None,
        iou_thresholds: Sequence[float] = (0.3, 0.5, 0.7),
        frame_size: int | Sequence[int] = 224,
    ) -> 'EvaluationPlan':
        """Build a plan from what a config holds.

        Args:
            protocol (str | Mapping | Protocol | Sequence): One or several,
                see :func:`get_protocol`. Defaults to ``'scm'``.
            threshold (str | Mapping, optional): How thresholds are chosen,
                see :meth:`ThresholdChoice.build`, for all protocols. None
                leaves to each protocol what its authors do. Defaults to
                None.
            iou_thresholds (Sequence[float]): Defaults to (0.3, 0.5, 0.7).
            frame_size (int | Sequence[int]): Side, or width and height, of
                the frame in which boxes are compared. Defaults to 224.

        Returns:
            EvaluationPlan: The plan.

        Raises:
            ValueError: If a value makes no sense.
            FileNotFoundError: If the file of given thresholds is missing.
        """
        if isinstance(protocol, str | Mapping | Protocol):
            protocol = [protocol]
        if not isinstance(protocol, Sequence):
            raise ValueError(
                f"protocol: expected names, such as 'scm', got {protocol!r}"
            )
        protocols = tuple(get_protocol(spec) for spec in protocol)
        if threshold is None:
            choices = tuple(p.threshold for p in protocols)
        else:
            choices = (ThresholdChoice.build(threshold),) * len(protocols)
        if isinstance(iou_thresholds, np.ndarray):
            iou_thresholds = iou_thresholds.tolist()
        if not isinstance(iou_thresholds, Sequence) or isinstance(
            iou_thresholds, str
        ):
            raise ValueError(
                'iou_thresholds: expected several numbers, such as (0.3, 0.5, '
                f'0.7), got {iou_thresholds!r}'
            )
        for iou in iou_thresholds:
            check_numbers(iou_thresholds=iou)
        if not isinstance(frame_size, Sequence | np.ndarray):
            frame_size = (frame_size, frame_size)
        if len(frame_size) != 2:
            raise ValueError(
                'frame_size: expected a side, or width and height, got '
                f'{frame_size!r}'
            )
        for side in frame_size:
            check_positive(frame_size=side)
        return cls(
            protocols,
            choices,
            tuple(float(iou) for iou in iou_thresholds),
            (int(frame_size[0]), int(frame_size[1])),
        )

    def check_source(self, *, given_boxes: bool) -> None:
        """Refuse thresholds without maps, and maps without thresholds.

        Args:
            given_boxes (bool): Whether boxes come from a detector and not
                from score maps.

        Raises:
            ValueError: If the plan was built for the other one.
        """
        planned = self.choices[0].type == 'none'
        if given_boxes and not planned:
            raise ValueError(
                "threshold: boxes of a detector have none; expected 'none', "
                f'got {self.choices[0]}'
            )
        if planned and not given_boxes:
            raise ValueError(
                "threshold: score maps need one; 'none' is for the boxes of "
                'a detector'
            )

    def keys(self, protocol: Protocol) -> list[str]:
        """Names of the figures of a protocol that have a threshold each."""
        ious = self.iou_thresholds
        return [m.key(iou) for m in protocol.measures for iou in ious]

    def thresholds(self, index: int) -> np.ndarray:
        """(T + e,) grid of a protocol, then thresholds that were given."""
        protocol, choice = self.protocols[index], self.choices[index]
        extra = choice.extra_thresholds(protocol.name)
        return np.concatenate([protocol.grid, extra])

    @cached_property
    def shared_thresholds(self) -> dict[str, np.ndarray]:
        """By interpolation, thresholds of all protocols that use it."""
        shared: dict[str, list[np.ndarray]] = {}
        for index, protocol in enumerate(self.protocols):
            shared.setdefault(protocol.interpolation, []).append(
                self.thresholds(index)
            )
        return {
            kind: np.concatenate(parts, dtype=np.float64)
            for kind, parts in shared.items()
        }

    @cached_property
    def contours(self) -> frozenset[str]:
        """The contours that any map is searched for."""
        measures = [m for p in self.protocols for m in p.measures]
        kinds = {measure.contours for measure in measures}
        if any(measure.needs_class for measure in measures):
            kinds.add('largest')  # for the kinds of errors
        return frozenset(kinds)

    @cached_property
    def columns(self) -> list[tuple[int, int]]:
        """Of each protocol, where its own are among the shared thresholds."""
        used = dict.fromkeys(self.shared_thresholds, 0)
        columns = []
        for index, protocol in enumerate(self.protocols):
            begin = used[protocol.interpolation]
            end = begin + len(self.thresholds(index))
            used[protocol.interpolation] = end
            columns.append((begin, end))
        return columns

    def num_columns(self, index: int) -> int:
        """T + e + 1, the thresholds of a protocol and Otsu's."""
        first, last = self.columns[index]
        return last - first + 1

    def looks(self, wanted: tuple[tuple[int, str], ...]) -> np.ndarray:
        """Rows for :func:`~.image_record_loops.look_at_boxes`.

        Args:
            wanted (tuple): Protocols, by index, and contours.

        Returns:
            np.ndarray: One int64 row for each.
        """
        if wanted not in self._looks:
            rows = [self._look(*look) for look in wanted]
            self._looks[wanted] = np.array(rows, np.int64)
        return self._looks[wanted]

    @cached_property
    def _looks(self) -> dict[tuple[tuple[int, str], ...], np.ndarray]:
        return {}

    def _look(self, index: int, contours: str) -> list[int]:
        protocol = self.protocols[index]
        width, height = (
            self.frame_size_wh if protocol.clamp else (NO_LIMIT, NO_LIMIT)
        )
        return [
            CONTOURS.index(contours),
            *self.columns[index],
            width - 1,
            height - 1,
            *protocol.empty_box,
        ]
