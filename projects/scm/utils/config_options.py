# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Options that reach all dataloaders, on top of MMEngine's configs.

``--cfg-options data_root=…`` alone changes a variable of the config that its
dataloaders have copied when the file was read.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from mmengine.config import Config
from mmengine.config import config as mmengine_config

from .environment import BrokenEnvironmentError
from .upstream_scripts import check_file

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
#: MMEngine's search for a config of another package, such as
#: ``mmpretrain::_base_/default_runtime.py``.
_SEARCH = '_get_external_cfg_path'
_searching = RLock()
LOCALIZATION_DATASETS = ('CUBLocalization', 'ImageNetLocalization')


def read_config(
    file: str | Path, options: Mapping[str, Any] | None = None
) -> Config:
    """Read a config as the tools do.

    Args:
        file (str | Path): The config.
        options (Mapping, optional): What ``--cfg-options`` gave, by dotted
            name; those of this module reach all dataloaders. Defaults to
            None.

    Returns:
        Config: With the options merged into it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: See :func:`load_config`, :func:`move_data_root`,
            :func:`set_pixel_cache`.
    """
    check_file('config', file)
    cfg = load_config(file)
    before = cfg.get('data_root')
    cfg.merge_from_dict(options or {})
    move_data_root(cfg, options, before)
    set_pixel_cache(cfg, options)
    return cfg


def load_config(file: str | Path) -> Config:
    """Read a config file, whatever stands in it.

    Args:
        file (str | Path): Python, JSON or YAML, as MMEngine takes it.

    Returns:
        Config: With a model or a dataloader.

    Raises:
        BrokenEnvironmentError: If the environment lacks what it imports.
        ValueError: If it cannot be read, or holds no config; the message
            names the file, and the line of a wrong word.
    """
    with _no_metafiles_for_bases():
        return _load_config(file)


@contextmanager
def _no_metafiles_for_bases() -> Iterator[None]:
    """Do not read all metafiles of a package for a base config.

    MMEngine does, 0.2 s each time, and goes to the file itself when none of
    them names it, as none names a base.
    """
    with _searching:
        search = getattr(mmengine_config, _SEARCH, None)
        if search is None:
            yield
            return

        def search_models(package: str, name: str) -> str:
            if name.startswith('_base_/'):
                raise ValueError(f'{name} is a base config')
            return search(package, name)

        setattr(mmengine_config, _SEARCH, search_models)
        try:
            yield
        finally:
            setattr(mmengine_config, _SEARCH, search)


def _load_config(file: str | Path) -> Config:
    _check_bases(Path(file).resolve(), ())
    try:
        cfg = Config.fromfile(file)
    except BrokenEnvironmentError:
        raise
    except Exception as error:  # a config is a program
        reason = error.__cause__ or error
        if isinstance(reason, SyntaxError):
            reason = f'line {reason.lineno}: {reason.msg}'
        words = ' '.join(str(reason).split())
        raise ValueError(
            f'{file}: no readable config ({type(error).__name__}: '
            f'{words:.300})'
        ) from error
    found = {name: cfg[name] for name in ('model', *LOADERS) if cfg.get(name)}
    if not found:
        raise ValueError(
            f'{file}: expected a config with a model or dataloaders, found '
            f'{", ".join(cfg)[:200] or "nothing"}'
        )
    for name, value in found.items():
        if not isinstance(value, Mapping):
            raise ValueError(
                f'{file}: {name}: expected a dict, got {value!r:.100}'
            )
    return cfg


def _check_bases(file: Path, children: tuple[Path, ...]) -> None:
    """Refuse configs that are based on themselves.

    MMEngine reads them again and again, for half a minute, until Python's
    stack is full.
    """
    chain = (*children, file)
    if file in children:
        names = ' -> '.join(map(str, chain[children.index(file) :]))
        raise ValueError(f'{chain[0]}: _base_ goes in a circle: {names}')
    try:
        bases = [
            Path(Config._get_cfg_path(base, str(file))[0]).resolve()
            for base in Config._get_base_files(str(file))
        ]
    except Exception:  # whatever it is, MMEngine tells it below
        return
    for base in bases:
        _check_bases(base, chain)


def load_if_file(config: Any) -> Any:
    """A config by its file; a name that mmpretrain knows stays one.

    Args:
        config (str | Path | Config): As ``mmpretrain.get_model`` takes it.

    Returns:
        Config | str: See :func:`load_config`.
    """
    if isinstance(config, (str, Path)) and Path(config).is_file():
        return load_config(config)
    return config


def training_images(cfg: Config) -> dict[str, Any]:
    """The training set of a config, its pictures as the test makes them.

    Args:
        cfg (Config): With both dataloaders.

    Returns:
        dict: Config of a dataset.
    """
    pipeline = [
        step
        for step in cfg.test_dataloader.dataset.pipeline
        if step['type'] != 'LoadAnnotations'
    ]
    dataset = {**cfg.train_dataloader.dataset, 'pipeline': pipeline}
    dataset.pop('pixel_cache', None)  # of pictures as training makes them
    return dataset


def move_data_root(
    cfg: Config, options: Mapping[str, Any] | None, before: str | None
) -> None:
    """Let the option ``data_root`` reach the dataloaders.

    Every path in them that is the old folder or lies below it is moved. A
    path that an option of its own gives, ``test_dataloader.dataset.data_root``
    for instance, stays.

    Args:
        cfg (Config): With the options merged into it.
        options (Mapping, optional): What ``--cfg-options`` gave, by dotted
            name. Without ``data_root`` nothing is done.
        before (str, optional): ``data_root`` of the config before that.

    Raises:
        ValueError: If the datasets of the config have different folders, so
            that one cannot be given for all; the message names them.
    """
    if not options or 'data_root' not in options:
        return
    texts = {
        name: (text, holder, key)
        for name, text, holder, key in _walk_loaders(cfg)
        if isinstance(text, str) and name not in options
    }
    roots = {
        name: text
        for name, (text, *_) in texts.items()
        if name.endswith('.data_root') and text
    }
    folders = {value.rstrip('/') for value in roots.values()}
    if not folders and before:  # paths built from it: data_root + 'images'
        folders = {before.rstrip('/')}
    if not folders:
        raise ValueError(
            'data_root: no dataset of this config has one that could be moved'
        )
    if len(folders) > 1:
        found = ', '.join(f'{name}={value}' for name, value in roots.items())
        raise ValueError(
            'data_root: the datasets of this config lie in different folders; '
            f'give the one you mean by its own name instead: {found}'
        )
    (old,) = folders
    new = str(options['data_root']).rstrip('/') or '/'
    for text, holder, key in texts.values():
        if text == old or text.startswith(f'{old}/'):
            holder[key] = new + text[len(old) :]


def set_pixel_cache(cfg: Config, options: Mapping[str, Any] | None) -> None:
    """Let the option ``pixel_cache`` reach the datasets.

    A dataset for which an option of its own gives one keeps that.

    Args:
        cfg (Config): With the options merged into it.
        options (Mapping, optional): What ``--cfg-options`` gave, by dotted
            name. Without ``pixel_cache`` nothing is done.

    Raises:
        ValueError: If no dataset of the config can have one.
    """
    if not options or 'pixel_cache' not in options:
        return
    found = localization_datasets(cfg)
    if not found:
        raise ValueError(
            'pixel_cache: no dataset of this config can have one; expected '
            f'{" or ".join(LOCALIZATION_DATASETS)}'
        )
    for name, dataset in found:
        if f'{name}.pixel_cache' not in options:
            dataset['pixel_cache'] = options['pixel_cache']


def localization_datasets(
    cfg: Mapping[str, Any],
) -> list[tuple[str, dict[str, Any]]]:
    """The datasets of this project in the dataloaders of a config.

    Args:
        cfg (Mapping): The config.

    Returns:
        list[tuple[str, dict]]: Dotted name and config, also of those that
        others wrap.
    """
    return [
        (name, value)
        for name, value, *_ in _walk_loaders(cfg)
        if isinstance(value, Mapping)
        and str(value.get('type')).rpartition('.')[2] in LOCALIZATION_DATASETS
    ]


def _walk_loaders(
    cfg: Mapping[str, Any],
) -> Iterator[tuple[str, Any, Any, Any]]:
    """What dataloaders hold: dotted name, value, its dict or list, its key."""

    def walk(node: Any, start: str) -> Iterator[tuple[str, Any, Any, Any]]:
        if isinstance(node, Mapping):
            items = node.items()
        elif isinstance(node, (list, tuple)):
            items = enumerate(node)
        else:
            return
        for key, value in items:
            yield f'{start}{key}', value, node, key
            yield from walk(value, f'{start}{key}.')

    return walk({name: cfg[name] for name in LOADERS if cfg.get(name)}, '')
