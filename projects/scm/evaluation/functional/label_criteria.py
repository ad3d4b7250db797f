# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""How good the boxes of a threshold are, by what needs no box to tell.

Four criteria score the boxes of a picture at many thresholds: (T,) numbers in
[0, 1], of a raw score map, (h, w) of any range. Boxes are half-open
``x0, y0, x1, y1`` in pixels of one frame, and n is the number of pictures.

- ``diffusion``: whether the box agrees with Otsu's box of the map diffused
  over the attention among patches. Diffused thrice, background and object
  are level each, and Otsu's threshold, which asks for nothing else, separates
  them.
- ``components``: IoU with a box of another source, the first principal
  component of the patch tokens. The source need not find objects well; it must
  not find them too large or too small on the average.
- ``consistency``: whether the box is that of the picture made smaller, within
  a margin of the mean colour, carried back; weighed by how far this is above
  the agreement with the boxes of other pictures. Boxes that are always about
  the whole picture agree as well, but with any picture's.
- ``classification``: the true class must be seen in the box, and must not be
  seen once the box is blanked; what is seen is weighed against what the box
  takes of the picture.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import (
    OTSU,
    normalize_score_map,
    resize_score_map,
    score_map_to_boxes,
)
from projects.scm.structures.boxes import iou_half_open

from .threshold_boxes import boxes_at_thresholds

AREA_WEIGHT = 0.5
"""Of a box's share of the picture, against probabilities."""
AGREEMENTS = np.arange(6, 15) / 20
"""IoU from which on two boxes agree."""
CRITERIA = ('diffusion', 'components', 'consistency', 'classification')


def map_boxes(
    score_map: ArrayLike, thresholds: ArrayLike, size_wh: Sequence[int]
) -> np.ndarray:
    """Boxes of a raw score map, one a threshold.

    Args:
        score_map (ArrayLike): (h, w) numbers of any range.
        thresholds (ArrayLike): (T,) in [0, 1].
        size_wh (Sequence[int]): Width and height of the frame.

    Returns:
        np.ndarray: (T, 4) float64; of no area where nothing is above.
    """
    resized = normalize_score_map(resize_score_map(score_map, size_wh))
    found = boxes_at_thresholds(resized, thresholds, clamp=False)
    return np.asarray(found, np.float64)


def otsu_box(score_map: ArrayLike, size_wh: Sequence[int]) -> np.ndarray:
    """Box of a raw score map at its own threshold.

    Args:
        score_map (ArrayLike): (h, w) numbers of any range.
        size_wh (Sequence[int]): Width and height of the frame.

    Returns:
        np.ndarray: (4,) float64; of no area where the map is constant.
    """
    found = score_map_to_boxes(score_map, OTSU, size_wh, frame_size_wh=size_wh)
    return found[0] if len(found) else np.zeros(4)


def ious_at_thresholds(boxes: ArrayLike, others: ArrayLike) -> np.ndarray:
    """IoU of boxes with their counterparts.

    Args:
        boxes (ArrayLike): (T, 4).
        others (ArrayLike): (T, 4), or (4,) for one counterpart of all.

    Returns:
        np.ndarray: (T,) in [0, 1].
    """
    boxes, others = np.asarray(boxes, float), np.asarray(others, float)
    if others.ndim == 1:
        return iou_half_open(boxes, others[None])[:, 0]
    return np.diagonal(iou_half_open(boxes, others)).copy()


def agreement_scores(boxes: ArrayLike, others: ArrayLike) -> np.ndarray:
    """How many boxes reach an IoU of 0.5 with those of another source.

    Args:
        boxes (ArrayLike): (n, T, 4).
        others (ArrayLike): (n, 4).

    Returns:
        np.ndarray: (T,) in [0, 1], the share of pictures, then the mean of
        each threshold and its two neighbours.
    """
    ious = [
        ious_at_thresholds(own, other)
        for own, other in zip(boxes, others, strict=True)
    ]
    return _smooth((np.array(ious) >= 0.5).mean(0))


def consistency_scores(boxes: ArrayLike, others: ArrayLike) -> np.ndarray:
    """How many boxes agree with their counterparts, and with no others.

    Two boxes agree if their IoU reaches δ. With a the share of boxes that
    agree with their counterpart, and c that of pairs of a box and a
    counterpart of another picture: a² (a − c) / (1 − c), the mean over δ from
    0.3 to 0.7, then the mean of each threshold and its two neighbours. The
    second factor is the agreement beyond chance, as of Cohen's kappa; alone it
    takes boxes that are too small.

    Args:
        boxes (ArrayLike): (n, T, 4).
        others (ArrayLike): (n, T, 4) counterparts.

    Returns:
        np.ndarray: (T,) in [0, 1], 0 where agreement is not beyond chance. Of
        one picture c is 0.
    """
    boxes, others = np.asarray(boxes, float), np.asarray(others, float)
    count = len(boxes)
    scores = []
    for one, other in zip(
        boxes.swapaxes(0, 1), others.swapaxes(0, 1), strict=True
    ):
        agree = iou_half_open(one, other)[..., None] >= AGREEMENTS
        own = np.einsum('iik->k', agree.astype(int))
        share = own / count
        chance = (agree.sum((0, 1)) - own) / max(count * (count - 1), 1)
        beyond = (share - chance).clip(0) / np.where(chance < 1, 1 - chance, 1)
        scores.append((share**2 * beyond).mean())
    return _smooth(np.array(scores))


def _smooth(scores: np.ndarray) -> np.ndarray:
    return np.convolve(np.pad(scores, 1, mode='edge'), np.ones(3) / 3, 'valid')


def component_map(patches: ArrayLike, attention: ArrayLike) -> np.ndarray:
    """First principal component of the patch tokens of a picture.

    It separates what differs most in a picture. Its sign is the one that goes
    with the attention of the class token (LOST and TokenCut look for objects
    in the tokens of one picture in similar ways).

    Args:
        patches (ArrayLike): (D, h, w) patch tokens.
        attention (ArrayLike): (h, w), larger where the object may be.

    Returns:
        np.ndarray: (h, w) float64 of mean 0.
    """
    patches = np.asarray(patches, np.float64)
    attention = np.asarray(attention, np.float64)
    flat = patches.reshape(len(patches), -1)
    flat = flat - flat.mean(1, keepdims=True)
    # Of the small of the two matrices; the last vector is the first component.
    _, vectors = np.linalg.eigh(flat.T @ flat)
    component = vectors[:, -1]
    if component @ (attention.ravel() - attention.mean()) < 0:
        component = -component
    return component.reshape(attention.shape)


def evidence_scores(
    inside: ArrayLike, outside: ArrayLike, shares: ArrayLike
) -> np.ndarray:
    """What boxes hold of a class, beyond their share of the picture.

    Args:
        inside (ArrayLike): (T,) probability of the true class in the picture
            cropped to the box.
        outside (ArrayLike): (T,) that in the picture with the box blanked.
        shares (ArrayLike): (T,) area of the box in that of the picture.

    Returns:
        np.ndarray: (T,) inside − outside − share / 2, in [-1.5, 1].
    """
    return (
        np.asarray(inside, float)
        - np.asarray(outside, float)
        - AREA_WEIGHT * np.asarray(shares, float)
    )


def best_threshold(
    scores: ArrayLike, thresholds: ArrayLike
) -> tuple[float, np.ndarray]:
    """The threshold with the best mean score.

    Args:
        scores (ArrayLike): (n, T), one row a picture.
        thresholds (ArrayLike): (T,).

    Returns:
        tuple[float, np.ndarray]: The threshold, the lowest of several, and
        the means (T,).

    Raises:
        ValueError: If there is no picture, or the shapes do not fit.
    """
    scores, thresholds = np.asarray(scores, float), np.asarray(thresholds)
    if (
        scores.ndim != 2
        or scores.shape[1:] != thresholds.shape
        or not len(scores)
    ):
        raise ValueError(
            f'scores: expected (n, {thresholds.size}), n at least 1, got '
            f'{scores.shape}'
        )
    means = scores.mean(0)
    return float(thresholds[means.argmax()]), means
