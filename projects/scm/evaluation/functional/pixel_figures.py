# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Figures of score maps against masks, and their floors."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from projects.scm.structures import normalize_score_map, resize_score_map

from .image_record import ImageRecord, have_masks
from .masks import (
    merge_masks,
    peak_pixel_iou,
    pixel_curves,
    pixel_histograms,
    pxap,
)
from .protocols import PROTOCOLS

#: wsolevaluation's: how maps are resized, and all its thresholds.
PIXEL_PROTOCOL = PROTOCOLS['wsoleval']


@dataclass(frozen=True)
class PixelFigures:
    """PxAP and peak pixel IoU of a set of images. All are in percent.

    Attributes:
        num_images: Number of images.
        pxap: Of the maps of the true classes.
        peak_pixel_iou: At the best threshold for this set.
        threshold: That threshold.
        full_image: What both are if everything is foreground.
        centred_pxap: PxAP if pixels are ranked by the squares around the
            centre, the smallest first.
        centred_iou: Pixel IoU of the best of these squares.
        curves: See :func:`pixel_curves`.
    """

    num_images: int
    pxap: float
    peak_pixel_iou: float
    threshold: float
    full_image: float
    centred_pxap: float
    centred_iou: float
    curves: dict[str, list[float]] = field(repr=False)

    def metrics(self) -> dict[str, float]:
        """Numbers by name, for logs."""
        return {
            'pxap': self.pxap,
            'peak_pixel_iou': self.peak_pixel_iou,
            'peak_pixel_iou_threshold': self.threshold,
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers and lists, for JSON."""
        return {
            **self.metrics(),
            'floor_full_image': self.full_image,
            'pxap_floor_centred_square': self.centred_pxap,
            'peak_pixel_iou_floor_centred_square': self.centred_iou,
            'curves': self.curves,
        }


def record_pixels(
    score_map: ArrayLike,
    masks: Sequence[np.ndarray],
    ignore: np.ndarray | None = None,
    frame_size_wh: Sequence[int] = (224, 224),
    above: float = 0.5,
) -> np.ndarray:
    """Reduce the true class's map of an image with masks to histograms.

    Args:
        score_map (ArrayLike): (h, w) raw scores.
        masks (Sequence[np.ndarray]): See :func:`merge_masks`, as the rest.
        ignore (np.ndarray, optional): Defaults to None.
        frame_size_wh (Sequence[int]): Defaults to (224, 224).
        above (float): Defaults to 0.5.

    Returns:
        np.ndarray: (2, 2, t + 2) unsigned integers: of the map, and of the
        squares around the centre, each as :func:`pixel_histograms` gives
        them.

    Raises:
        ValueError: If the map or a mask is not as described.
    """
    mask = merge_masks(masks, ignore, frame_size_wh, above)
    resized = resize_score_map(
        score_map, frame_size_wh, PIXEL_PROTOCOL.interpolation
    )
    counts = [
        pixel_histograms(scores, mask, PIXEL_PROTOCOL.grid)
        for scores in (normalize_score_map(resized), _centre_map(mask.shape))
    ]
    return np.stack(counts).astype(np.min_scalar_type(mask.size))


def _centre_map(shape: tuple[int, int]) -> np.ndarray:
    """Scores whose level sets are squares around the centre."""
    y, x = (np.abs(np.arange(side) - side // 2) for side in shape)
    distance = np.maximum(y[:, None], x)
    return 1 - distance / (distance.max() + 1)


def summarize_pixels(records: Sequence[ImageRecord]) -> PixelFigures | None:
    """Figures of a set of images with masks; None where it has none.

    Args:
        records (Sequence[ImageRecord]): One of each image.

    Raises:
        ValueError: If some images have masks and others do not, or there is
            no foreground pixel.
    """
    if not have_masks(records):
        return None
    total = sum(record.pixels.astype(np.int64) for record in records)
    return pixel_figures(total, len(records))


def pixel_figures(total: np.ndarray, num_images: int) -> PixelFigures:
    """Figures of histograms.

    Args:
        total (np.ndarray): (2, 2, t + 2), the sum over all images of what
            :func:`record_pixels` gives.
        num_images (int): How many these are.

    Raises:
        ValueError: If there is no foreground pixel.
    """
    of_maps, of_squares = total
    peak, threshold = peak_pixel_iou(of_maps, PIXEL_PROTOCOL.grid)
    foreground, background = of_maps.sum(1).tolist()
    return PixelFigures(
        num_images,
        pxap(of_maps),
        peak,
        threshold,
        100 * foreground / (foreground + background),
        pxap(of_squares),
        peak_pixel_iou(of_squares, PIXEL_PROTOCOL.grid)[0],
        pixel_curves(of_maps, PIXEL_PROTOCOL.grid),
    )
