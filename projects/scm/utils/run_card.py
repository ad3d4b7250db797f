# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""How the file of a test run came about, in a small file beside it."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .files import read_json, write_json

SUFFIX = '.run.json'
DISTRIBUTIONS = (
    'torch',
    'onedl-mmpretrain',
    'onedl-mmengine',
    'onedl-mmcv',
    'numpy',
)


class RunCard(NamedTuple):
    """What is known of a test run; empty where it is not.

    Attributes:
        config: Name of the config file.
        checkpoint: Name of the checkpoint, or its address.
        date: When the test ended, ISO 8601 with its offset.
        command: As it was typed, absolute paths by their last part.
        versions: Of this project and of what it stands on.
        work_dir: Folder of the run's logs, relative to that of the results.
    """

    config: str = ''
    checkpoint: str = ''
    date: str = ''
    command: str = ''
    versions: dict[str, str] = {}
    work_dir: str = ''


def card_path(results: str | os.PathLike) -> Path:
    """``predictions.run.json`` of ``predictions.pkl``."""
    return Path(results).with_suffix(SUFFIX)


def write_card(
    results: str | os.PathLike,
    config: str,
    checkpoint: str,
    work_dir: str,
    command: Sequence[str],
) -> None:
    """Describe a test run that has just ended.

    Args:
        results (str | os.PathLike): The file of its predictions.
        config (str): The config.
        checkpoint (str): The checkpoint.
        work_dir (str): Folder of logs.
        command (Sequence[str]): The words of the command, ``sys.argv``.
    """
    from projects.scm.version import __version__

    from .environment import installed_distributions

    folder = Path(results).resolve().parent
    try:
        work_dir = Path(os.path.relpath(work_dir, folder)).as_posix()
    except ValueError:  # on another drive
        work_dir = ''
    card = RunCard(
        config=Path(config).name,
        checkpoint=_short(checkpoint),
        date=datetime.datetime.now().astimezone().isoformat(' ', 'minutes'),
        command=_told(command),
        versions={
            'scm-wsol': __version__,
            'python': platform.python_version(),
            **installed_distributions(DISTRIBUTIONS),
        },
        work_dir=work_dir,
    )
    write_json(card_path(results), card._asdict())


def read_card(results: str | os.PathLike) -> RunCard:
    """Read what :func:`write_card` wrote.

    Args:
        results (str | os.PathLike): The file of predictions.

    Returns:
        RunCard: Empty where there is no card.

    Raises:
        ValueError: If the file beside the results is no such card; the
            message names it.
    """
    path = card_path(results)
    if not path.is_file():
        return RunCard()
    content: Any = read_json(path)
    fields = RunCard._field_defaults
    if not isinstance(content, dict) or any(
        type(content.get(name, default)) is not type(default)
        for name, default in fields.items()
    ):
        raise ValueError(
            f'{path}: expected texts, and versions by name, for {list(fields)}'
            f', got {content!r:.200}'
        )
    return RunCard(**{k: v for k, v in content.items() if k in fields})


def _told(command: Sequence[str]) -> str:
    """What a person would type."""
    first, *words = command
    if first.endswith('.py'):
        first = f'python tools/{Path(first).name}'
    return f'{first} {shlex.join(map(_short, words))}'


def _short(word: str) -> str:
    """Absolute paths are nobody's matter: their last part."""
    return Path(word).name if os.path.isabs(word) else word
