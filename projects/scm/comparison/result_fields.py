# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Whether the file of a run has the fields that tables are made of."""

from math import isfinite
from typing import Any

from .hits import unpack_bits

_FIELDS = {
    **dict.fromkeys(('dataset', 'method', 'config', 'images'), str),
    **dict.fromkeys(('seed', 'num_images'), int),
    'epochs': list,
}
_OPTIONAL = {'num_classes': int, 'trained_by': list, 'tested_by': dict}


def check_fields(content: Any) -> None:
    """Look at all fields before anything is made of them.

    Args:
        content (Any): What stands in the file.

    Raises:
        ValueError: Names the first field that is wrong, what is expected and
            what was found.
    """
    _expect(content, dict, '')
    for name, kind in _FIELDS.items():
        _expect(content.get(name), kind, name)
    for name, kind in _OPTIONAL.items():
        if content.get(name) is not None:
            _expect(content[name], kind, name)
    number, epochs = content['num_images'], content['epochs']
    _check_hits(content.get('reported_half'), number, 'reported_half')
    for index, stamp in enumerate(content.get('trained_by') or ()):
        _expect(stamp, dict, f'trained_by.{index}')
    if not epochs:
        raise ValueError('epochs: expected at least one, found none')
    for index, epoch in enumerate(epochs):
        _check_epoch(epoch, number, f'epochs.{index}')


def _check_epoch(epoch: Any, number: int, where: str) -> None:
    _expect(epoch, dict, where)
    _expect(epoch.get('epoch'), int, f'{where}.epoch')
    classes = f'{where}.classification'
    hits = _expect(epoch.get('classification'), dict, classes)
    for name in ('top1', 'top5'):
        _check_hits(hits.get(name), number, f'{classes}.{name}')
    figures = _expect(epoch.get('figures'), dict, f'{where}.figures')
    for key, choices in figures.items():
        place = f'{where}.figures.{key}'
        for choice, entry in _expect(choices, dict, place).items():
            _expect(entry, dict, f'{place}.{choice}')
            _check_hits(entry.get('hits'), number, f'{place}.{choice}.hits')
            value = entry.get('threshold')
            if value is not None:
                _expect(value, (int, float), f'{place}.{choice}.threshold')
    errors = epoch.get('errors')
    errors = _expect({} if errors is None else errors, dict, f'{where}.errors')
    for kind, shares in errors.items():
        place = f'{where}.errors.{kind}'
        for name, value in _expect(shares, dict, place).items():
            _expect(value, (int, float), f'{place}.{name}')


def _check_hits(value: Any, number: int, where: str) -> None:
    _expect(value, str, where)
    try:
        unpack_bits(value, number)
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from error


def _expect(value: Any, kinds: type | tuple[type, ...], where: str) -> Any:
    """A value of one of these kinds; numbers are finite."""
    wrong = not isinstance(value, kinds) or isinstance(value, bool)
    if wrong or (isinstance(value, float) and not isfinite(value)):
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        names = ' or '.join(kind.__name__ for kind in kinds)
        raise ValueError(
            f'{where or "the whole"}: expected {names}, got {value!r:.100}'
        )
    return value
