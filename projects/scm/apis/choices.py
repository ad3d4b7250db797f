# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Which class is localised, and which threshold makes boxes of its map."""

import difflib
import operator
from collections.abc import Sequence
from os import PathLike

from projects.scm.evaluation.functional import (
    holds_label_threshold,
    load_label_threshold,
    load_thresholds,
)
from projects.scm.structures import OTSU

PREDICTED, TOPK = 'predicted', 'topk'
#: Names that a message lists.
NAMES_LISTED = 20


def parse_target(text: str, names: Sequence[str]) -> str | int:
    """What a command line says about the class.

    Args:
        text (str): A name, an index, or another word.
        names (Sequence[str]): Of the classes. Where one of them is called by
            a number, a number is a name, known or not.

    Returns:
        str | int: An index if it is a whole number and no name.
    """
    if not text.isdecimal() or any(name.isdecimal() for name in names):
        return text
    return int(text)


def resolve_target(
    target: str | int, num_classes: int, names: Sequence[str] | None
) -> str | int:
    """Turn what a user says about the class into an index.

    Args:
        target (str | int): ``'predicted'``, ``'topk'``, the name of a class
            or its index.
        num_classes (int): Classes of the model.
        names (Sequence[str], optional): Their names.

    Returns:
        str | int: ``'predicted'``, ``'topk'`` or the index.

    Raises:
        ValueError: If there is no such class.
    """
    if isinstance(target, str):
        if target in (PREDICTED, TOPK):
            return target
        names = list(names or ())
        if target in names:
            return names.index(target)
        close = difflib.get_close_matches(target, names)
        raise ValueError(
            f'target: expected {PREDICTED!r}, {TOPK!r}, an index or the name '
            f'of a class, got {target!r}; '
            + (f'meant {close}? ' if close else '')
            + _describe(names)
        )
    index = operator.index(target)
    if not 0 <= index < num_classes:
        raise ValueError(
            f'target: expected an index from 0 to {num_classes - 1}, got '
            f'{target}'
        )
    return index


def _describe(names: Sequence[str]) -> str:
    if not names:
        return 'no names are known, so give an index'
    listed = ', '.join(map(repr, names[:NAMES_LISTED]))
    left = len(names) - NAMES_LISTED
    return f'known are {listed}' + (f' and {left} more' if left > 0 else '')


def resolve_threshold(
    threshold: float | str | PathLike | None, figure: str
) -> float | str | None:
    """Turn what a user says about the threshold into a number.

    Args:
        threshold (float | str | PathLike, optional): A number in [0, 1],
            ``'otsu'``, None for the head's own, or a JSON file that
            ``WSOLEvaluator`` (``threshold_file``) or
            ``tools/analysis_tools/choose_threshold.py`` has written.
        figure (str): ``'<protocol>/<figure>'`` in a file of the former; a
            threshold chosen by labels is one for all.

    Returns:
        float | str | None: A number, ``'otsu'`` or None.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the number leaves [0, 1], or the file does not hold
            the figure.
    """
    if threshold is None or threshold == OTSU:
        return threshold
    if not isinstance(threshold, (str, PathLike)):
        if not 0 <= threshold <= 1:
            raise ValueError(
                f'threshold: expected a number in [0, 1], got {threshold}'
            )
        return float(threshold)
    if holds_label_threshold(threshold):
        return float(load_label_threshold(threshold)['threshold'])
    chosen = {
        f'{protocol}/{key}': value
        for protocol, values in load_thresholds(threshold)[
            'thresholds'
        ].items()
        for key, value in values.items()
    }
    if figure not in chosen:
        raise ValueError(
            f'{threshold}: no threshold of {figure!r}; threshold_figure must '
            f'be one of {sorted(chosen)}'
        )
    return float(chosen[figure])
