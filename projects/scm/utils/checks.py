# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Checks of arguments."""

import numpy as np


def check_positive(**numbers: int) -> None:
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
