# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What a localization protocol is, and those that the field has published.

Facts come from the code of the protocols: ``clovaai/wsolevaluation``
(MaxBoxAcc and MaxBoxAccV2), ``vasgaowei/TS-CAM``, ``hbai98/SCM`` and
``ariansabaghi/TriLite``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from projects.scm.structures import CONTOURS, INTERPOLATIONS

from .thresholds import ThresholdChoice

MAPS = ('gt', 'top1', 'top5')


@dataclass(frozen=True)
class Measure:
    """One way to decide that an image is localized.

    Attributes:
        name: What it is called in results.
        maps: Whose map is looked at: ``'gt'``, the true class; ``'top1'``,
            the predicted class; ``'top5'``, the five best classes, of which
            any may hit.
        needs_class: Whether the class of the map must be the true class.
        contours: ``'largest'``, one box; ``'all'``, any box may hit.
        strict: Whether the IoU must exceed the IoU threshold, or may equal
            it.
        mean_over_ious: Whether the result is the mean over the IoU
            thresholds, each with its own score map threshold, or the figure
            at IoU 0.5.
    """

    name: str
    maps: str = 'gt'
    needs_class: bool = False
    contours: str = 'largest'
    strict: bool = False
    mean_over_ious: bool = False

    def __post_init__(self) -> None:
        for what, value, allowed in (
            ('maps', self.maps, MAPS),
            ('contours', self.contours, CONTOURS),
        ):
            if value not in allowed:
                raise ValueError(
                    f'measure {self.name!r}: {what} must be one of '
                    f'{allowed}, got {value!r}'
                )

    def key(self, iou: float) -> str:
        """Name of the figure at one IoU threshold, in percent.

        Whole percents have no decimals, so that the names are those of the
        field: ``top1_loc_iou30``.
        """
        if iou == 0.5 and not self.mean_over_ious:
            return self.name
        return f'{self.name}_iou{iou * 100:.10g}'


@dataclass(frozen=True)
class Protocol:
    """How score maps become boxes and boxes become accuracies.

    Attributes:
        name: What it is called in results.
        measures: What is counted.
        interpolation: How maps are resized to the frame: ``'bilinear'`` or
            ``'bicubic'``.
        step: Score map thresholds are ``np.arange(0, 1, step)``.
        clamp: Whether boxes end at the last pixel of the frame.
        empty_box: The box of a map that leaves no contour.
        threshold: How the protocol's authors choose the threshold.
    """

    name: str
    measures: tuple[Measure, ...]
    interpolation: str = 'bilinear'
    step: float = 0.01
    clamp: bool = True
    empty_box: tuple[int, int, int, int] = (0, 0, 0, 0)
    threshold: ThresholdChoice = field(
        default_factory=lambda: ThresholdChoice('oracle')
    )

    def __post_init__(self) -> None:
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(
                f'protocol {self.name!r}: interpolation must be one of '
                f'{sorted(INTERPOLATIONS)}, got {self.interpolation!r}'
            )
        if not 0 < self.step < 1:
            raise ValueError(
                f'protocol {self.name!r}: step must lie between 0 and 1, got '
                f'{self.step}'
            )
        if len({measure.name for measure in self.measures}) < len(
            self.measures
        ):
            raise ValueError(
                f'protocol {self.name!r}: two measures have the same name'
            )

    @cached_property
    def grid(self) -> np.ndarray:
        """(T,) float64, the score map thresholds of the protocol."""
        return np.arange(0, 1, self.step)

    @property
    def needs_ranking(self) -> bool:
        """Whether any measure looks at predicted classes."""
        return any(m.needs_class or m.maps != 'gt' for m in self.measures)

    def without_ranking(self) -> 'Protocol':
        """The part of the protocol that needs the true class's map only."""
        return replace(
            self,
            measures=tuple(
                m
                for m in self.measures
                if m.maps == 'gt' and not m.needs_class
            ),
        )


def _trilite(name: str, contours: str) -> Protocol:
    """TriLite's, which takes other contours for ImageNet than for CUB."""
    return Protocol(
        name=name,
        step=0.005,
        measures=(
            Measure('top1_loc', 'top1', True, contours),
            Measure('top5_loc', 'top5', True, contours),
            Measure('gt_known_acc', contours=contours),
        ),
    )


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name='wsoleval',
            interpolation='bicubic',
            step=0.001,
            measures=(
                Measure('max_box_acc'),
                Measure('max_box_acc_v2', contours='all', mean_over_ious=True),
            ),
        ),
        Protocol(
            name='tscam',
            clamp=False,
            empty_box=(0, 0, 1, 1),
            threshold=ThresholdChoice('fixed', value=0.1),
            measures=(
                Measure('top1_loc', 'top1', needs_class=True, strict=True),
                Measure('top5_loc', 'top5', needs_class=True, strict=True),
                Measure('gt_known_acc'),
            ),
        ),
        Protocol(
            name='scm',
            measures=(
                Measure('top1_loc', 'top1', needs_class=True),
                Measure('top5_loc', 'top5', needs_class=True),
                Measure('gt_known_acc', 'top1'),
                Measure('gt_known_top5_acc', 'top5'),
            ),
        ),
        _trilite('trilite', 'largest'),
        _trilite('trilite_in1k', 'all'),
    )
}
# What is computed where nobody says which; the others differ little.
DEFAULT_PROTOCOLS = ('wsoleval', 'tscam', 'scm')


def get_protocol(spec: str | Protocol | Mapping[str, Any]) -> Protocol:
    """Look a protocol up, or derive one from a preset.

    Args:
        spec (str | Protocol | Mapping): A name in :data:`PROTOCOLS`; a
            protocol; or a mapping with the preset as ``type`` and fields of
            :class:`Protocol` that replace the preset's, for example
            ``dict(type='wsoleval', interpolation='bilinear', step=0.01)``.
            Measures may be given as mappings, too.

    Returns:
        Protocol: The protocol.

    Raises:
        ValueError: If the preset or a field is unknown.
        TypeError: If ``spec`` is none of the three.
    """
    if isinstance(spec, Protocol):
        return spec
    if isinstance(spec, str):
        spec = {'type': spec}
    if not isinstance(spec, Mapping):
        raise TypeError(
            'protocol: expected a name, a dict or a Protocol, got '
            f'{type(spec).__name__}'
        )
    changes = dict(spec)
    preset = changes.pop('type', None)
    if preset not in PROTOCOLS:
        raise ValueError(
            f'protocol: expected one of {sorted(PROTOCOLS)}, got {preset!r}'
        )
    unknown = set(changes) - {f.name for f in fields(Protocol)}
    if unknown:
        raise ValueError(
            f'protocol {preset!r}: unknown fields {sorted(unknown)}'
        )
    if 'measures' in changes:
        changes['measures'] = tuple(
            m if isinstance(m, Measure) else Measure(**m)
            for m in changes['measures']
        )
    if 'empty_box' in changes:
        changes['empty_box'] = tuple(changes['empty_box'])
    if 'threshold' in changes:
        changes['threshold'] = ThresholdChoice.build(changes['threshold'])
    return replace(PROTOCOLS[preset], **changes)
