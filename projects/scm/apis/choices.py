# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Which class is localised, and which threshold makes boxes of its map."""

import difflib
import operator
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from projects.scm.evaluation.functional import (
    holds_label_threshold,
    load_label_threshold,
    load_thresholds,
    otsu_cut,
)
from projects.scm.structures import (
    CONTOURS,
    normalize_score_map,
    quantize_score_map,
    resize_score_map,
    score_map_to_boxes,
    score_map_to_outlines,
)

OTSU = 'otsu'


PREDICTED, TOPK = 'predicted', 'topk'


def check_positive(**numbers: int) -> None:
    """Raise a ValueError for a number that is not whole or below 1."""
    for name, value in numbers.items():
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(
                f'{name}: expected a whole number from 1, got {value!r}'
            )


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
            + (f'meant {close}?' if close else f'{len(names)} names are known')
        )
    index = operator.index(target)
    if not 0 <= index < num_classes:
        raise ValueError(
            f'target: expected an index from 0 to {num_classes - 1}, got '
            f'{target}'
        )
    return index


def resolve_contours(contours: str) -> str:
    """Check how contours are chosen."""
    if contours not in CONTOURS:
        raise ValueError(
            f'contours: expected one of {CONTOURS}, got {contours!r}'
        )
    return contours


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


def find_boxes(
    score_map: np.ndarray,
    image_size_wh: tuple[int, int],
    frame_size_wh: tuple[int, int],
    options: Mapping[str, Any],
) -> np.ndarray:
    """Boxes of a raw score map, Otsu's threshold included.

    Args:
        score_map (np.ndarray): (h, w) raw scores.
        image_size_wh (tuple[int, int]): Size of the original image.
        frame_size_wh (tuple[int, int]): Size of the model's input, where
            contours are found.
        options (Mapping): ``threshold`` (a number or ``'otsu'``),
            ``contours`` and ``interpolation`` of
            :func:`~projects.scm.structures.score_map_to_boxes`.

    Returns:
        np.ndarray: (n, 4) float64 half-open ``x0, y0, x1, y1`` in pixels of
        the image.
    """
    return score_map_to_boxes(
        score_map,
        image_size_wh=image_size_wh,
        frame_size_wh=frame_size_wh,
        **_with_number(score_map, frame_size_wh, options),
    )


def find_outlines(
    score_map: np.ndarray,
    image_size_wh: tuple[int, int],
    frame_size_wh: tuple[int, int],
    options: Mapping[str, Any],
) -> list[list[list[float]]]:
    """Outlines of a raw score map, one entry a box of :func:`find_boxes`.

    Args:
        score_map (np.ndarray): See :func:`find_boxes`, like the others.
        image_size_wh (tuple[int, int]): Size of the original image.
        frame_size_wh (tuple[int, int]): Size of the model's input.
        options (Mapping): How boxes are made.

    Returns:
        list[list[list[float]]]: Polygons ``[x, y, x, y, …]``, in pixels of
        the image.
    """
    outlines = score_map_to_outlines(
        score_map,
        image_size_wh=image_size_wh,
        frame_size_wh=frame_size_wh,
        **_with_number(score_map, frame_size_wh, options),
    )
    return [[p.ravel().tolist() for p in polygons] for polygons in outlines]


def _with_number(
    score_map: np.ndarray,
    frame_size_wh: tuple[int, int],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """The options with Otsu's threshold as a number."""
    options = dict(options)
    if options['threshold'] == OTSU:
        resized = resize_score_map(
            score_map,
            frame_size_wh,
            options.get('interpolation', 'bilinear'),
        )
        levels = quantize_score_map(normalize_score_map(resized))
        # Of every level, int(level / 255 * 255) is the level again.
        options['threshold'] = otsu_cut(levels) / 255
    return options
