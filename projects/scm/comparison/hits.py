# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Which images of a test run are hits, however the threshold is chosen.

From the records of a test run to a table small enough to be kept for good,
from which all figures and all intervals can be computed again.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from projects.scm.evaluation.functional import EvaluationPlan, ImageRecord

CHOICES = ('fixed', 'val', 'labels', 'otsu', 'oracle')
"""How thresholds are chosen: a number known before; on the half of the set
that :func:`reported_half` leaves; on training images by their labels; for each
map by Otsu's rule; on all of the tested images."""


def reported_half(names: Iterable[str]) -> np.ndarray:
    """The half of a test set on which what was chosen is reported.

    Args:
        names (Iterable[str]): Files of the images; folders do not matter.

    Returns:
        np.ndarray: (n,) bool, False for the half on which things are chosen,
        by the SHA-256 digest of the file name.
    """
    return np.array(
        [
            hashlib.sha256(PurePosixPath(name).name.encode()).digest()[0] % 2
            == 1
            for name in names
        ],
        bool,
    )


def digest_of_names(names: Iterable[str]) -> str:
    """SHA-256 over the file names of a set, in their order."""
    joined = '\n'.join(PurePosixPath(name).name for name in names)
    return hashlib.sha256(joined.encode()).hexdigest()


def hits_by_choice(
    plan: EvaluationPlan,
    records: Sequence[ImageRecord],
    reported: np.ndarray,
    fixed: float,
    labels: float | None = None,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Hits of every figure at every choice of the threshold.

    Args:
        plan (EvaluationPlan): That made the records.
        records (Sequence[ImageRecord]): One an image.
        reported (np.ndarray): See :func:`reported_half`.
        fixed (float): The threshold ``'fixed'``, in [0, 1].
        labels (float, optional): The threshold ``'labels'``. Defaults to
            None, where it was not chosen.

    Returns:
        dict: By ``'<protocol>/<figure>'`` and choice, ``threshold`` (None for
        Otsu's) and ``hits`` (n,) bool. Figures at IoU 0.5, and at all IoU
        thresholds for those that are reported as a mean of them.
    """
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for index, protocol in enumerate(plan.protocols):
        thresholds = plan.thresholds(index)
        for measure in protocol.measures:
            packed = np.stack(
                [r.hits[protocol.name][measure.name] for r in records]
            )
            for place, iou in enumerate(plan.iou_thresholds):
                if iou != 0.5 and not measure.mean_over_ious:
                    continue
                hits = np.unpackbits(
                    packed[:, place], axis=-1, count=len(thresholds) + 1
                ).astype(bool)
                columns = {
                    'fixed': _nearest(thresholds, fixed),
                    'val': int(hits[~reported, :-1].sum(0).argmax()),
                    'otsu': len(thresholds),
                    'oracle': int(hits[:, :-1].sum(0).argmax()),
                }
                if labels is not None:
                    columns['labels'] = _nearest(thresholds, labels)
                table[f'{protocol.name}/{measure.key(iou)}'] = {
                    choice: {
                        'threshold': (
                            None
                            if columns[choice] == len(thresholds)
                            else round(float(thresholds[columns[choice]]), 6)
                        ),
                        'hits': hits[:, columns[choice]],
                    }
                    for choice in CHOICES
                    if choice in columns
                }
    return table


def _nearest(thresholds: np.ndarray, value: float) -> int:
    return int(np.abs(thresholds - value).argmin())


def pack_bits(bits: np.ndarray) -> str:
    """(n,) bool as text for JSON."""
    return base64.b64encode(np.packbits(bits)).decode()


def unpack_bits(text: str, count: int) -> np.ndarray:
    """What :func:`pack_bits` was given.

    Args:
        text (str): The text.
        count (int): n.

    Returns:
        np.ndarray: (n,) bool.

    Raises:
        ValueError: If the text does not hold that many bits.
    """
    data = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    if len(data) != (count + 7) // 8:
        raise ValueError(f'expected {count} bits, got {len(data)} bytes')
    return np.unpackbits(data, count=count).astype(bool)


def mean_figures(keys: Iterable[str]) -> Mapping[str, list[str]]:
    """Figures that are means of others, by name: MaxBoxAccV2 of its IoUs."""
    means: dict[str, list[str]] = {}
    for key in keys:
        name, split, percent = key.rpartition('_iou')
        if split and percent.isdecimal():
            means.setdefault(name, []).append(key)
    return means
