# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""How the score map threshold of a reported figure is chosen.

- ``fixed``: a number that was there before the evaluation.
- ``val``: chosen on another split, read from the file written there.
- ``labels``: chosen on training images, of which nothing but the class is
  known, by :mod:`projects.scm.apis.label_thresholds`; one number for all
  figures, read from the file written there.
- ``oracle``: the best one for the evaluated split itself, separately for
  every figure. Common, and an advantage no user of the method has.
- ``otsu``: Otsu's threshold of each map; no labels, no choice at all.
- ``none``: boxes came from a detector, and there is no map.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from projects.scm.utils import read_json, write_json
from projects.scm.utils.checks import check_numbers, check_paths

TYPES = ('oracle', 'fixed', 'val', 'labels', 'otsu', 'none')


@dataclass(frozen=True)
class ThresholdChoice:
    """How thresholds are chosen, with what is needed to do so.

    Attributes:
        type: ``'oracle'``, ``'fixed'``, ``'val'``, ``'labels'``, ``'otsu'``
            or ``'none'``.
        value: The threshold of ``'fixed'``, in [0, 1]; that of ``'labels'``
            is read from its file.
        file: The JSON file of ``'val'``, see :func:`save_thresholds`, or of
            ``'labels'``, see :func:`save_label_threshold`. ``'labels'`` does
            without until something is evaluated.
        chosen: Thresholds of ``'val'`` by protocol and figure.
        split: The split they were chosen on, where the file says it.
    """

    type: str
    value: float | None = None
    file: str | None = None
    chosen: Mapping[str, Mapping[str, float]] = field(
        default_factory=dict, compare=False, repr=False
    )
    split: str | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ValueError(
                f'threshold: type must be one of {TYPES}, got {self.type!r}'
            )
        from_file = self.type == 'labels' and self.file is not None
        if (self.type == 'fixed' or from_file) != (self.value is not None):
            raise ValueError(
                "threshold: type 'fixed' has a value, and no other has; got "
                f'type {self.type!r} with value {self.value}'
            )
        if self.value is not None:
            check_numbers('[0, 1]', **{'threshold: value': self.value})
        if self.file is not None:
            check_paths(**{'threshold: file': self.file})
        if self.type != 'labels' and (self.type == 'val') != (
            self.file is not None
        ):
            raise ValueError(
                "threshold: type 'val' has a file, 'labels' may have one, no "
                f'other has; got type {self.type!r} with file {self.file!r}'
            )

    @classmethod
    def build(
        cls, spec: 'str | Mapping[str, Any] | ThresholdChoice'
    ) -> 'ThresholdChoice':
        """Build a choice from a config; reads its file, if it has one.

        Args:
            spec (str | Mapping | ThresholdChoice): For example ``'oracle'``,
                ``dict(type='fixed', value=0.1)``,
                ``dict(type='val', file='thresholds.json')`` or
                ``dict(type='labels', file='labels.json')``.

        Returns:
            ThresholdChoice: The choice.

        Raises:
            ValueError: If the combination makes no sense, or the file holds
                something else.
            FileNotFoundError: If the file is missing.
        """
        if isinstance(spec, ThresholdChoice):
            return spec
        if isinstance(spec, str):
            spec = {'type': spec}
        if not isinstance(spec, Mapping):
            raise ValueError(
                'threshold: expected a type such as '
                f"{TYPES[0]!r} or a dict such as dict(type='fixed', "
                f'value=0.2), got {spec!r}'
            )
        unknown = set(spec) - {'type', 'value', 'file'}
        if unknown:
            raise ValueError(f'threshold: unknown fields {sorted(unknown)}')
        if 'type' not in spec:
            raise ValueError(f'threshold: no type in {dict(spec)}')
        if spec['type'] == 'labels' and spec.get('file') is not None:
            if spec.get('value') is not None:
                raise ValueError(
                    "threshold: that of type 'labels' is read from its file, "
                    f'got the value {spec["value"]}, too'
                )
            content = load_label_threshold(spec['file'])
            return cls(
                'labels',
                value=content['threshold'],
                file=str(spec['file']),
                split=content.get('split'),
            )
        choice = cls(**spec)
        if choice.type != 'val':
            return choice
        content = load_thresholds(choice.file)
        return cls(
            'val',
            file=choice.file,
            chosen=content['thresholds'],
            split=content.get('split'),
        )

    def extra_thresholds(self, protocol: str) -> list[float]:
        """Thresholds that must be looked at besides a protocol's grid."""
        if self.value is not None:
            return [self.value]
        if self.type == 'val':
            return sorted(set(self._of(protocol).values()))
        return []

    def threshold_of(self, protocol: str, key: str) -> float | None:
        """Threshold of a figure; None where it is not known beforehand."""
        if self.value is not None:
            return self.value
        if self.type == 'val':
            chosen = self._of(protocol)
            if key not in chosen:
                raise ValueError(
                    f'{self.file}: no threshold for {key!r} of protocol '
                    f'{protocol!r}; there are {sorted(chosen)}'
                )
            return chosen[key]
        return None

    def _of(self, protocol: str) -> Mapping[str, float]:
        if protocol not in self.chosen:
            raise ValueError(
                f'{self.file}: no thresholds of protocol {protocol!r}; there '
                f'are {sorted(self.chosen)}'
            )
        return self.chosen[protocol]

    def check_known(self) -> None:
        """Refuse to evaluate before there is a threshold.

        Raises:
            ValueError: If it is to be chosen by labels, and was not yet.
        """
        if self.type == 'labels' and self.value is None:
            raise ValueError(
                "threshold: type 'labels' has no file; write it with "
                'tools/analysis_tools/choose_threshold.py CONFIG CHECKPOINT '
                "--out labels.json, and give dict(type='labels', "
                "file='labels.json')"
            )

    def check_split(self, split: str | None) -> None:
        """Refuse to call thresholds of the evaluated split validated.

        Raises:
            ValueError: If the thresholds were chosen on this very split.
        """
        if self.type == 'val' and split is not None and split == self.split:
            raise ValueError(
                f'{self.file}: these thresholds were chosen on the split '
                f'{split!r}, which is the one to evaluate: choose them on '
                "another one, or say dict(type='oracle')"
            )

    def __str__(self) -> str:
        if self.type in ('val', 'labels') and self.split:
            return f'{self.type} ({self.split})'
        return self.type


def threshold_spec(
    threshold: 'str | float | os.PathLike | None',
) -> str | dict[str, Any] | None:
    """What a user means by a threshold on a command line.

    Args:
        threshold (str | float | PathLike, optional): ``'oracle'``,
            ``'otsu'``, a number in [0, 1], or a JSON file of thresholds that
            were chosen on another split or by labels.

    Returns:
        str | dict | None: For :meth:`ThresholdChoice.build`; None as given.

    Raises:
        ValueError: If it is none of these.
        FileNotFoundError: If there is no such file.
    """
    if threshold in (None, 'oracle', 'otsu'):
        return threshold
    if str(threshold).endswith('.json'):
        kind = 'labels' if holds_label_threshold(threshold) else 'val'
        return {'type': kind, 'file': str(threshold)}
    try:
        return {'type': 'fixed', 'value': float(threshold)}
    except ValueError as error:
        raise ValueError(
            "threshold: expected 'oracle', 'otsu', a number in [0, 1] or a "
            f'.json file of thresholds, got {threshold!r}'
        ) from error


def save_thresholds(
    path: str | os.PathLike,
    thresholds: Mapping[str, Mapping[str, float]],
    *,
    split: str | None,
    num_images: int,
) -> None:
    """Write thresholds that were chosen on a split, atomically.

    Args:
        path (str | os.PathLike): A JSON file; its folder is made.
        thresholds (Mapping): By protocol and figure.
        split (str, optional): The split they were chosen on.
        num_images (int): Size of the split.
    """
    content = {
        'split': split,
        'num_images': num_images,
        'thresholds': {k: dict(v) for k, v in thresholds.items()},
    }
    write_json(path, content)


def load_thresholds(path: str | os.PathLike) -> dict[str, Any]:
    """Read a file of :func:`save_thresholds` and check it.

    Args:
        path (str | os.PathLike): The JSON file.

    Returns:
        dict: ``thresholds`` by protocol and figure, ``split``,
        ``num_images``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such file, or a threshold leaves [0, 1].
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no thresholds here; evaluate the validation split with '
            'threshold_file set to this path first'
        )
    try:
        content = read_json(path)
        for protocol, chosen in content['thresholds'].items():
            for key, value in chosen.items():
                if not 0 <= value <= 1:
                    raise ValueError(f'threshold {value} of {protocol}/{key}')
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{path}: expected {{"thresholds": {{protocol: {{figure: number '
            f'in [0, 1]}}}}}}: {error}'
        ) from error
    return content


def save_label_threshold(
    path: str | os.PathLike, content: Mapping[str, Any]
) -> None:
    """Write a threshold that was chosen by labels alone, atomically.

    Args:
        path (str | os.PathLike): A JSON file; its folder is made.
        content (Mapping): ``threshold`` in [0, 1], ``split`` and whatever
            tells how it was chosen.
    """
    write_json(path, {'chosen_by': 'labels', **content})


def load_label_threshold(path: str | os.PathLike) -> dict[str, Any]:
    """Read a file of :func:`save_label_threshold` and check it.

    Args:
        path (str | os.PathLike): The JSON file.

    Returns:
        dict: ``threshold`` and all else that was written.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such file, or the threshold leaves [0, 1].
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no threshold here; write it with '
            'tools/analysis_tools/choose_threshold.py CONFIG CHECKPOINT '
            f'--out {path}'
        )
    try:
        content = read_json(path)
        if content.get('chosen_by') != 'labels':
            raise ValueError("no field 'chosen_by' with the value 'labels'")
        if not 0 <= content['threshold'] <= 1:
            raise ValueError(f'threshold {content["threshold"]}')
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{path}: expected {{"chosen_by": "labels", "threshold": number '
            f'in [0, 1]}}: {type(error).__name__}: {error}'
        ) from error
    return content


def holds_label_threshold(path: str | os.PathLike) -> bool:
    """Whether there is a file of :func:`save_label_threshold`."""
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get('chosen_by') == 'labels'
