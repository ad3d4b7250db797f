# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The file of one run: all that a table needs once its work folder is gone."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from projects.scm.evaluation.functional import ERROR_KINDS, EvaluationPlan
from projects.scm.evaluation.metrics.samples import record_sample
from projects.scm.utils import read_json, write_json

from .hits import (
    digest_of_names,
    hits_by_choice,
    mean_figures,
    pack_bits,
    reported_half,
    unpack_bits,
)
from .result_fields import check_fields
from .spec import Run

FORMAT = 1


class EpochResult:
    """What the test after one epoch showed.

    Args:
        content (Mapping): As in the file.
        num_images (int): Of the test set.
        where (str): For messages.
    """

    def __init__(
        self, content: Mapping[str, Any], num_images: int, where: str
    ) -> None:
        self.content = content
        self.num_images = num_images
        self.where = where
        self.epoch: int = content['epoch']

    def threshold(self, key: str, choice: str) -> float | None:
        """Threshold of a figure; None for Otsu's and for means."""
        entry = self.content['figures'].get(key, {}).get(choice, {})
        return entry.get('threshold')

    def hits(self, key: str, choice: str) -> np.ndarray | None:
        """(n,) hits of a figure, their share for means.

        None if it was not measured, or its threshold not so chosen.
        ``'cls/top1'`` and ``'cls/top5'`` are those of the classes.

        Raises:
            ValueError: If its text in the file is damaged.
        """
        if key.startswith('cls/'):
            return self._unpack(self.content['classification'][key[4:]])
        figures = self.content['figures']
        parts = mean_figures(figures).get(key, [key])
        if any(choice not in figures.get(part, {}) for part in parts):
            return None
        return np.mean(
            [self._unpack(figures[p][choice]['hits']) for p in parts], axis=0
        )

    def _unpack(self, text: str) -> np.ndarray:
        try:
            return unpack_bits(text, self.num_images)
        except ValueError as error:
            raise ValueError(f'{self.where}: hits: {error}') from error


class RunResult:
    """The content of the file of a run.

    Args:
        content (dict): As in the file.
        where (str): For messages.
    """

    def __init__(self, content: dict[str, Any], where: str) -> None:
        self.content = content
        self.where = where
        self.dataset: str = content['dataset']
        self.method: str = content['method']
        self.seed: int = content['seed']
        self.num_images: int = content['num_images']
        #: Files of earlier versions do not say.
        self.num_classes: int | None = content.get('num_classes')
        self.reported = unpack_bits(
            content['reported_half'], content['num_images']
        )
        self.epochs = [
            EpochResult(epoch, self.num_images, where)
            for epoch in content['epochs']
        ]

    @property
    def last(self) -> EpochResult:
        """Of the last epoch."""
        return self.epochs[-1]

    def check_run(self, run: Run) -> None:
        """Refuse the file of another run.

        Raises:
            ValueError: Names the field, and both values.
        """
        for name, value in run.recipe.items():
            if self.content.get(name) != value:
                raise ValueError(
                    f'{self.where}: {name}: this result is of '
                    f'{self.content.get(name)!r}, expected {value!r}; give '
                    'another name to the method, or another folder to the '
                    'results'
                )


def group_results(
    results: Iterable[RunResult], field: str
) -> dict[str, list[RunResult]]:
    """Results by their ``dataset`` or ``method``, in the order of both."""
    groups: dict[str, list[RunResult]] = {}
    for result in results:
        groups.setdefault(getattr(result, field), []).append(result)
    return groups


def load_result(path: str | Path) -> RunResult:
    """Read the file of a run.

    Args:
        path (str | Path): A JSON file of :func:`save_result`.

    Returns:
        RunResult: Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such file.
    """
    path = Path(path)
    try:
        content = read_json(path)
        found = content.get('format') if isinstance(content, dict) else content
        if found != FORMAT:
            raise ValueError(f'format: expected {FORMAT}, got {found!r:.100}')
        check_fields(content)
        return RunResult(content, str(path))
    except ValueError as error:
        raise ValueError(
            f'{path}: not the result of a run: {error}'
        ) from error


def save_result(path: str | Path, content: dict[str, Any]) -> None:
    """Write the file of a run, atomically.

    Args:
        path (str | Path): A JSON file; its folder is made.
        content (dict): ``dataset``, ``method``, ``seed``, ``config``,
            ``options``, ``num_images``, ``images``, ``reported_half`` and
            ``epochs``, with a stamp where and by what it was trained.
    """
    write_json(path, {'format': FORMAT, **content})


def fixed_threshold(plan: EvaluationPlan) -> float:
    """The threshold that is reported as the one fixed before.

    Args:
        plan (EvaluationPlan): Protocols of a config.

    Returns:
        float: That of the first protocol that has one.

    Raises:
        ValueError: If none has.
    """
    for choice in plan.choices:
        if choice.type == 'fixed':
            return choice.value
    raise ValueError(
        'test_evaluator.protocol: none has a fixed threshold; expected '
        f"'tscam' among them, got {[p.name for p in plan.protocols]}"
    )


def measure_epoch(
    samples: Sequence[Mapping[str, Any]],
    plan: EvaluationPlan,
    epoch: int,
    labels: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reduce a test run to what the file keeps.

    Args:
        samples (Sequence[Mapping]): See
            :func:`~projects.scm.utils.load_test_run`.
        plan (EvaluationPlan): Protocols, those of the config, with a
            :func:`fixed_threshold`.
        epoch (int): The epoch, from 1; 0 if nothing was trained.
        labels (Mapping, optional): What the file of thresholds chosen by
            labels holds. Defaults to None.

    Returns:
        tuple[dict, dict]: What describes the set, and the epoch.

    Raises:
        ValueError: If a sample is wrong, or no protocol has a fixed
            threshold.
    """
    samples = sorted(samples, key=lambda sample: str(sample['img_path']))
    names = [str(sample['img_path']) for sample in samples]
    fixed = fixed_threshold(plan)
    records = [record_sample(plan, sample) for sample in samples]
    reported = reported_half(names)
    ranks = np.array([record.rank for record in records])
    table = hits_by_choice(
        plan,
        records,
        reported,
        fixed,
        None if labels is None else float(labels['threshold']),
    )
    described = {
        'num_images': len(names),
        'num_classes': records[0].num_classes,
        'images': digest_of_names(names),
        'reported_half': pack_bits(reported),
    }
    result = {
        'epoch': epoch,
        'classification': {
            'top1': pack_bits(ranks == 0),
            'top5': pack_bits(ranks >= 0),
        },
        'figures': {
            key: {
                choice: {**entry, 'hits': pack_bits(entry['hits'])}
                for choice, entry in choices.items()
            }
            for key, choices in table.items()
        },
        'errors': _errors(plan, records, table),
    }
    if labels is not None:
        result['labels'] = {
            name: value for name, value in labels.items() if name != 'curve'
        }
    return described, result


def _errors(plan: EvaluationPlan, records: list, table: dict) -> dict:
    """Error shares in percent by protocol, at its oracle's threshold."""
    errors = {}
    for index, protocol in enumerate(plan.protocols):
        names = [m.name for m in protocol.measures if m.needs_class]
        if not names:
            continue
        thresholds = plan.thresholds(index)
        chosen = table[f'{protocol.name}/{names[0]}']['oracle']['threshold']
        column = int(np.abs(thresholds - chosen).argmin())
        kinds = [record.kinds[protocol.name][column] for record in records]
        counts = np.bincount(kinds, minlength=len(ERROR_KINDS))
        errors[protocol.name] = {
            kind: round(float(count) * 100 / len(records), 3)
            for kind, count in zip(ERROR_KINDS, counts, strict=True)
        }
    return errors
