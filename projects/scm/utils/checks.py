# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Checks of arguments."""

import os
from collections.abc import Mapping
from types import UnionType
from typing import Any

import numpy as np


def check_positive(**numbers: Any) -> None:
    """Refuse numbers that are not whole, or below 1.

    Raises:
        ValueError: Names the argument and its value.
    """
    for name, value in numbers.items():
        whole = isinstance(value, int | np.integer)
        if not whole or isinstance(value, bool) or value < 1:
            raise ValueError(
                f'{name} must be positive: expected a whole number from 1, '
                f'got {value!r}'
            )


def check_numbers(interval: str = '(-inf, inf)', /, **numbers: Any) -> None:
    """Refuse what is no number of an interval.

    Args:
        interval (str): As it is written, such as ``'[0, 1)'`` without the 1.
            Defaults to all finite numbers.
        **numbers: Arguments by name.

    Raises:
        ValueError: Names the argument and its value.
    """
    low, high = map(float, interval[1:-1].split(','))
    for name, value in numbers.items():
        real = isinstance(value, int | float | np.integer | np.floating)
        if (
            not real
            or isinstance(value, bool)
            or not low <= value <= high
            or (value == low and interval[0] == '(')
            or (value == high and interval[-1] == ')')
        ):
            raise ValueError(
                f'{name}: expected a number in {interval}, got {value!r}'
            )


def check_flags(**flags: Any) -> None:
    """Refuse what is neither True nor False: ``'False'`` would be true.

    Raises:
        ValueError: Names the argument and its value.
    """
    _check_kind(flags, bool | np.bool_, 'True or False')


def check_paths(**paths: Any) -> None:
    """Refuse what names no file: a number would end a run at its writing.

    Raises:
        ValueError: Names the argument and its value.
    """
    _check_kind(paths, str | os.PathLike, 'a path')


def _check_kind(
    arguments: Mapping[str, Any], kind: type | UnionType, expected: str
) -> None:
    for name, value in arguments.items():
        if not isinstance(value, kind):
            raise ValueError(f'{name}: expected {expected}, got {value!r}')
