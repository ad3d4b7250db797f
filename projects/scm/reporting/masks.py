# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Masks of a test run: where they are now, and their outlines."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from projects.scm.evaluation.functional import merge_masks
from projects.scm.evaluation.metrics.samples import read_masks
from projects.scm.reporting.records import Record
from projects.scm.reporting.thumbnails import locate


def find_masks(
    records: Sequence[Record], data_root: str | Path | None = None
) -> list[Record]:
    """Look for masks as for pictures.

    Args:
        records (Sequence[Record]): Of a set with masks, or of one without.
        data_root (str | Path, optional): See
            :func:`~projects.scm.reporting.thumbnails.locate`. Defaults to
            None.

    Returns:
        list[Record]: With the masks where they are now.

    Raises:
        FileNotFoundError: If one is not there.
    """
    known = [r.truth.masks for r in records if r.truth.masks is not None]
    files = list(dict.fromkeys(f for masks in known for f in masks.files))
    if not files:
        return list(records)
    now = dict(zip(files, map(str, locate(files, data_root)), strict=True))

    def moved(record: Record) -> Record:
        masks = record.truth.masks
        if masks is None:
            return record
        masks = masks._replace(
            objects=[now[file] for file in masks.objects],
            ignored=now.get(masks.ignored),
        )
        return record._replace(truth=record.truth._replace(masks=masks))

    return list(map(moved, records))


def read_outline(record: Record, frame_wh: Sequence[int]) -> str:
    """Outline of what an image's masks show.

    Args:
        record (Record): Its masks are read.
        frame_wh (Sequence[int]): Width and height of what they are resized
            to.

    Returns:
        str: See :func:`outline`; empty without masks.
    """
    masks = record.truth.masks
    if masks is None:
        return ''
    objects, _ = read_masks(masks, record.img_path)
    return outline(merge_masks(objects, None, frame_wh, masks.above))


def outline(mask: np.ndarray) -> str:
    """Outline of a mask and of its holes.

    Args:
        mask (np.ndarray): (h, w) uint8, 1 inside.

    Returns:
        str: Path of SVG through the centres of pixels at the border, at most
        one pixel off.
    """
    contours, _ = cv2.findContours(
        (mask == 1).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE
    )
    lines = [
        cv2.approxPolyDP(contour, 1, True).reshape(-1, 2).tolist()
        for contour in contours
    ]
    return ''.join(
        f'M{"L".join(f"{x} {y}" for x, y in line)}Z' for line in lines
    )
