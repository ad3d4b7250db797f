# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pixel-wise protocols: PxAP and the peak pixel IoU.

PxAP after Choe et al., "Evaluating Weakly Supervised Object Localization
Methods Right", and ``clovaai/wsolevaluation``: pixels of all images are put
into one histogram of scores, so that large objects count more. Figures are
those of the sum of all images' :func:`pixel_histograms`, (2, t + 2), and of
their (t,) thresholds; without a pixel of foreground they raise a
``ValueError``.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import check_score_map

IGNORE = 255


def decode_mask(data: bytes, name: str) -> np.ndarray:
    """Grey values of an encoded mask, uint8 (h, w).

    Args:
        data (bytes): Content of the file.
        name (str): The file and its image, for the message.

    Raises:
        ValueError: If it is no picture.
    """
    mask = None
    if data:
        mask = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE
        )
    if mask is None:
        raise ValueError(f'{name} does not decode')
    return mask


def merge_masks(
    masks: Sequence[np.ndarray],
    ignore: np.ndarray | None = None,
    frame_size_wh: Sequence[int] = (224, 224),
    above: float = 0.5,
) -> np.ndarray:
    """Resize the masks of an image's objects and lay them over each other.

    Args:
        masks (Sequence[np.ndarray]): (h, w) each, at least one. Resized to
            the nearest pixel.
        ignore (np.ndarray, optional): (h, w), pixels above 0.5 that are in no
            mask are ignored. Defaults to None.
        frame_size_wh (Sequence[int]): Width and height of the result.
            Defaults to (224, 224).
        above (float): Pixels of the masks above this are foreground. Defaults
            to 0.5.

    Returns:
        np.ndarray: (height, width) uint8, 1 foreground, 0 background, 255
        ignored.

    Raises:
        ValueError: If there is no mask, or one is not 2-d.
    """
    if len(masks) == 0:
        raise ValueError('no mask of an object')

    def resized(mask: np.ndarray, above: float) -> np.ndarray:
        mask = np.asarray(mask, dtype=np.float32)
        if mask.ndim != 2:
            raise ValueError(f'mask: expected (h, w), got {mask.shape}')
        size = tuple(int(side) for side in frame_size_wh)
        return cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST) > above

    foreground = np.any([resized(mask, above) for mask in masks], axis=0)
    merged = foreground.astype(np.uint8)
    if ignore is not None:
        merged[resized(ignore, 0.5) & ~foreground] = IGNORE
    return merged


def pixel_histograms(
    score_map: ArrayLike, mask: np.ndarray, thresholds: ArrayLike
) -> np.ndarray:
    """Scores at foreground and background pixels of an image.

    Args:
        score_map (ArrayLike): (h, w) numbers in [0, 1], normalised.
        mask (np.ndarray): (h, w) uint8, 1 foreground, 0 background, 255
            ignored.
        thresholds (ArrayLike): (t,) rising, from 0 to below 1.

    Returns:
        np.ndarray: (2, t + 2) int64, foreground first. Bins lie between the
        thresholds, 1, 2 and 3. Histograms of images may be added.

    Raises:
        ValueError: If shapes or values are not as described.
    """
    scores = check_score_map(score_map)
    if scores.shape != mask.shape:
        raise ValueError(
            f'score map of shape {scores.shape} for a mask of {mask.shape}'
        )
    if scores.min() < 0 or scores.max() > 1:
        raise ValueError(
            'score map: expected values in [0, 1], got '
            f'{scores.min():g} to {scores.max():g}'
        )
    unknown = np.setdiff1d(mask, (0, 1, IGNORE))
    if len(unknown):
        raise ValueError(
            f'mask: expected values 0, 1 and {IGNORE}, got {unknown.tolist()}'
        )
    edges = np.append(np.asarray(thresholds, np.float64), [1.0, 2.0, 3.0])
    return np.stack(
        [np.histogram(scores[mask == kind], edges)[0] for kind in (1, 0)]
    )


def _counts_above(histograms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives at every threshold, the highest first."""
    true_positives, false_positives = histograms[:, ::-1].cumsum(axis=1)
    if true_positives[-1] == 0:
        raise ValueError('no foreground pixel in any mask')
    return true_positives, false_positives


def _precision(hits: np.ndarray, misses: np.ndarray) -> np.ndarray:
    """Share of hits; 0 where nothing is foreground."""
    found = hits + misses
    return np.divide(hits, found, out=np.zeros(len(hits)), where=found > 0)


def pxap(histograms: np.ndarray) -> float:
    """Area under the precision-recall curve of pixels.

    Args:
        histograms (np.ndarray): (2, t + 2), the sum over all images of
            :func:`pixel_histograms`.

    Returns:
        float: In percent.

    Raises:
        ValueError: If there is no foreground pixel.
    """
    hits, misses = _counts_above(histograms)
    recall = hits / hits[-1]
    precision = _precision(hits, misses)
    return float((precision[1:] * np.diff(recall)).sum() * 100)


def peak_pixel_iou(
    histograms: np.ndarray, thresholds: ArrayLike
) -> tuple[float, float]:
    """Best IoU of thresholded maps and masks over all thresholds.

    Intersection and union are those of the pixels of all images together.

    Args:
        histograms (np.ndarray): (2, t + 2), the sum over all images of
            :func:`pixel_histograms`.
        thresholds (ArrayLike): (t,) those of the histograms.

    Returns:
        tuple: The IoU in percent, and its threshold (foreground: score ≥
        threshold; the lowest of several).

    Raises:
        ValueError: If there is no foreground pixel.
    """
    hits, misses = _counts_above(histograms)
    ious = (hits / (hits[-1] + misses))[::-1]
    # Beyond the last threshold lie score 1 and nothing.
    thresholds = np.append(np.asarray(thresholds, np.float64), [1.0])
    best = int(ious[: len(thresholds)].argmax())
    return float(ious[best] * 100), float(thresholds[best])


def pixel_curves(
    histograms: np.ndarray, thresholds: ArrayLike
) -> dict[str, list[float]]:
    """Precision, recall and IoU of pixels at every threshold.

    Args:
        histograms (np.ndarray): (2, t + 2), the sum over all images of
            :func:`pixel_histograms`.
        thresholds (ArrayLike): (t,) those of the histograms.

    Returns:
        dict: ``thresholds``, and lists of t in percent: ``precision`` (0
        where nothing is foreground), ``recall`` and ``iou``.

    Raises:
        ValueError: If there is no foreground pixel.
    """
    hits, misses = _counts_above(histograms)
    curves = {
        'precision': _precision(hits, misses),
        'recall': hits / hits[-1],
        'iou': hits / (hits[-1] + misses),
    }
    rows = {'thresholds': np.asarray(thresholds, np.float64).tolist()}
    for key, curve in curves.items():
        rows[key] = (curve[::-1][: len(rows['thresholds'])] * 100).tolist()
    return rows
