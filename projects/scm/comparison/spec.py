# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What is compared: methods, data sets and seeds, read from a YAML file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

FIELDS = {
    'title': str,
    'baseline': str,
    'methods': dict,
    'datasets': list,
    'seeds': list,
    'test_epochs': list,
}
REQUIRED = ('baseline', 'methods', 'datasets', 'seeds')


@dataclass(frozen=True)
class Method:
    """One way to train, or to look at what another one trained.

    Attributes:
        name: What it is called.
        config: Name of the config, with ``{dataset}`` where that of the data
            set goes.
        options: Fields that the config is changed by, nested as in a config.
        weights_of: Another method, whose trainings are tested with this
            config: nothing is trained. None trains.
        checkpoint: File of a model that is tested as it is, with
            ``{dataset}`` as in ``config``. None trains.
        datasets: The data sets it is for. None for all.
    """

    name: str
    config: str
    options: Mapping[str, Any] = field(default_factory=dict)
    weights_of: str | None = None
    checkpoint: str | None = None
    datasets: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Run:
    """One training, or one test where nothing is trained."""

    dataset: str
    method: Method
    seed: int

    @property
    def name(self) -> str:
        """Of its folder and its file of results."""
        return f'{self.dataset}-{self.method.name}-seed{self.seed}'

    @property
    def trained(self) -> str:
        """Name of the run whose checkpoints are tested."""
        method = self.method.weights_of or self.method.name
        return f'{self.dataset}-{method}-seed{self.seed}'

    @property
    def config(self) -> str:
        """Name of its config, without folder."""
        return self.method.config.format(dataset=self.dataset)

    @property
    def recipe(self) -> dict[str, Any]:
        """What its file of results says of it."""
        return {
            'dataset': self.dataset,
            'method': self.method.name,
            'seed': self.seed,
            'config': self.config,
            'options': dict(self.method.options),
            'checkpoint': self.checkpoint,
        }

    @property
    def checkpoint(self) -> str | None:
        """Name of the file that is tested; None if it is trained."""
        name = self.method.checkpoint
        return None if name is None else name.format(dataset=self.dataset)


@dataclass(frozen=True)
class Comparison:
    """Methods, data sets and seeds.

    Attributes:
        title: What the tables are called.
        baseline: The method that the others are compared with.
        methods: By name.
        datasets: Names of the data sets, as in the names of the configs.
        seeds: Of the trainings.
        test_epochs: Epochs that are tested besides the last.
    """

    title: str
    baseline: str
    methods: Mapping[str, Method]
    datasets: tuple[str, ...]
    seeds: tuple[int, ...]
    test_epochs: tuple[int, ...] = ()

    def runs(self) -> list[Run]:
        """All trainings: a seed of all methods is done before the next."""
        return [
            Run(dataset, method, seed)
            for dataset in self.datasets
            for seed in self.seeds
            for method in self.methods.values()
            if method.datasets is None or dataset in method.datasets
        ]

    def against(self, baseline: str) -> 'Comparison':
        """The same methods, compared with another one.

        Args:
            baseline (str): One of the methods.

        Returns:
            Comparison: With this baseline.

        Raises:
            ValueError: If there is no such method.
        """
        _check_baseline('--baseline', baseline, self.methods)
        return replace(self, baseline=baseline)


def read_comparison(path: str | os.PathLike) -> Comparison:
    """Read a comparison.

    Args:
        path (str | os.PathLike): A YAML file with ``methods``, by name
            ``config`` and, where wanted, what else :class:`Method` has;
            ``baseline``, one of their names; ``datasets`` and ``seeds``,
            lists; ``title`` and ``test_epochs`` where wanted.

    Returns:
        Comparison: What it says.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a field is missing, unknown or wrong; the message
            names the file and the field.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file')
    try:
        content = yaml.safe_load(path.read_text('utf-8'))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = ' '.join(str(error).split())
        raise ValueError(f'{path}: not a YAML file: {reason:.200}') from error
    _check_fields(path, content)
    datasets = _listed(path, content, 'datasets', str)
    methods = {
        name: _method(f'{path}: methods.{name}', name, value, datasets)
        for name, value in content['methods'].items()
    }
    trained: list[str] = []
    for name, method in methods.items():
        if method.weights_of is None:
            if method.checkpoint is None:
                trained.append(name)
        elif method.weights_of not in trained:
            raise ValueError(
                f'{path}: methods.{name}.weights_of: expected one of those '
                f'above it that are trained, {trained}, got '
                f'{method.weights_of!r}'
            )
    _check_baseline(f'{path}: baseline', content['baseline'], methods)
    return Comparison(
        title=content.get('title', path.stem),
        baseline=content['baseline'],
        methods=methods,
        datasets=datasets,
        seeds=_listed(path, content, 'seeds', int),
        test_epochs=_listed(path, content, 'test_epochs', int, empty=True),
    )


def _check_baseline(
    where: str, baseline: Any, methods: Mapping[str, Method]
) -> None:
    if baseline not in methods:
        raise ValueError(
            f'{where}: expected one of {list(methods)}, got {baseline!r}'
        )


def _check_fields(path: Path, content: Any) -> None:
    if not isinstance(content, dict):
        raise ValueError(
            f'{path}: expected fields {list(FIELDS)}, got '
            f'{type(content).__name__}'
        )
    unknown = [name for name in content if name not in FIELDS]
    missing = [name for name in REQUIRED if not content.get(name)]
    if unknown or missing:
        raise ValueError(
            f'{path}: unknown fields {unknown}, missing {missing}; expected '
            f'{list(FIELDS)}'
        )
    for name, kind in FIELDS.items():
        if name in content and not isinstance(content[name], kind):
            raise ValueError(
                f'{path}: {name}: expected {kind.__name__}, got '
                f'{content[name]!r}'
            )


def _method(
    where: str, name: Any, value: Any, datasets: tuple[str, ...]
) -> Method:
    if not isinstance(name, str) or not name.replace('_', 'a').isalnum():
        raise ValueError(
            f'{where}: a name is of letters, digits and _, got {name!r}'
        )
    known = ('config', 'options', 'weights_of', 'checkpoint', 'datasets')
    if not isinstance(value, dict) or set(value) - set(known):
        raise ValueError(f'{where}: expected {list(known)}, got {value!r}')
    config, options = value.get('config'), value.get('options') or {}
    if not isinstance(config, str) or not config.endswith('.py'):
        raise ValueError(
            f'{where}.config: expected the name of a config, '
            f"'scm_deit-t_{{dataset}}.py' for instance, got {config!r}"
        )
    weights_of, checkpoint = value.get('weights_of'), value.get('checkpoint')
    if checkpoint is not None and (
        not isinstance(checkpoint, str) or weights_of is not None
    ):
        raise ValueError(
            f'{where}.checkpoint: expected the name of a file, and no '
            f'weights_of, got {checkpoint!r}'
        )
    for part, text in (('config', config), ('checkpoint', checkpoint)):
        try:
            (text or '').format(dataset='')
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f'{where}.{part}: only {{dataset}} is replaced, got {text!r}'
            ) from error
    if not isinstance(options, dict):
        raise ValueError(
            f'{where}.options: expected fields of the config, got {options!r}'
        )
    own = value.get('datasets')
    if own is not None and (
        not isinstance(own, list)
        or not own
        or any(each not in datasets for each in own)
    ):
        raise ValueError(
            f'{where}.datasets: expected some of {list(datasets)}, got {own!r}'
        )
    own = None if own is None else tuple(own)
    return Method(name, config, options, weights_of, checkpoint, own)


def _listed(
    path: Path, content: dict, name: str, kind: type, empty: bool = False
) -> tuple:
    values = content.get(name, [])
    right = all(type(value) is kind for value in values)
    if not right or len(set(values)) < len(values) or not (values or empty):
        raise ValueError(
            f'{path}: {name}: expected different {kind.__name__}, got '
            f'{values!r}'
        )
    return tuple(values)
