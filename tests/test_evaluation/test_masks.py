# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pixel-wise protocols against counting at every threshold."""

import numpy as np
import pytest
from map_zoo import KINDS

from projects.scm.evaluation.functional import (
    merge_masks,
    peak_pixel_iou,
    pixel_curves,
    pixel_histograms,
    pxap,
)

GRID = np.arange(0, 1, 0.05)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    maps = [KINDS['smooth'](rng, 40) for _ in range(4)]
    masks = [
        np.where(rng.random((40, 40)) < 0.1, 255, score_map > 0.6).astype(
            np.uint8
        )
        for score_map in maps
    ]
    masks[0][:10, :10] = 1
    masks[3][:] = 0  # an image without foreground counts, too
    return maps, masks


def counted(maps, masks, threshold):
    """True positives, false positives and positives of all pixels."""
    hits = misses = truth = 0
    for score_map, mask in zip(maps, masks, strict=True):
        above = score_map >= threshold
        hits += int((above & (mask == 1)).sum())
        misses += int((above & (mask == 0)).sum())
        truth += int((mask == 1).sum())
    return hits, misses, truth


def test_against_counting(images):
    total = sum(
        pixel_histograms(m, k, GRID) for m, k in zip(*images, strict=True)
    )
    area, last = 0.0, 0.0
    ious = []
    for threshold in [1.0, *GRID[::-1]]:
        hits, misses, truth = counted(*images, threshold)
        recall = hits / truth
        area += hits / max(hits + misses, 1) * (recall - last)
        last = recall
        ious.append((hits / (truth + misses), threshold))
    assert pxap(total) == pytest.approx(area * 100, rel=1e-12)
    peak, threshold = peak_pixel_iou(total, GRID)
    assert peak == max(ious)[0] * 100
    assert threshold == max(ious)[1]


def test_curves(images):
    total = sum(map(pixel_histograms, *images, [GRID] * 4))
    curves = pixel_curves(total, GRID)
    assert curves['thresholds'] == GRID.tolist()
    for i, threshold in enumerate(GRID):
        hits, misses, truth = counted(*images, threshold)
        found = [curves[k][i] for k in ('precision', 'recall', 'iou')]
        assert found == pytest.approx(
            [
                100 * hits / max(hits + misses, 1),
                100 * hits / truth,
                100 * hits / (truth + misses),
            ]
        )


def test_ignored_pixels_do_not_count(images):
    maps, masks = images
    changed = [
        np.where(k == 255, 0.3, m) for m, k in zip(maps, masks, strict=True)
    ]
    for m, other, k in zip(maps, changed, masks, strict=True):
        assert (
            pixel_histograms(m, k, GRID) == pixel_histograms(other, k, GRID)
        ).all()


def test_perfect_map():
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 2:5] = 1
    total = pixel_histograms(mask.astype(float), mask, GRID)
    assert pxap(total) == 100
    # Everything from the first threshold above 0 on gives the mask.
    assert peak_pixel_iou(total, GRID) == (100, GRID[1])


def test_merge_masks():
    first = np.zeros((2, 2))
    first[0, 0] = 255
    second = np.zeros((4, 4))
    second[3, 3] = 1
    ignore = np.ones((1, 1))
    merged = merge_masks([first, second], ignore, (4, 4))
    assert merged.tolist() == [
        [1, 1, 255, 255],
        [1, 1, 255, 255],
        [255, 255, 255, 255],
        [255, 255, 255, 1],
    ]
    assert merge_masks([second], frame_size_wh=(4, 4)).sum() == 1


def test_half_is_no_foreground():
    mask = np.array([[0.5, 0.51]])
    assert merge_masks([mask], frame_size_wh=(2, 1)).tolist() == [[0, 1]]


def test_refuses():
    mask = np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match='no mask'):
        merge_masks([])
    with pytest.raises(ValueError, match=r'expected \(h, w\)'):
        merge_masks([np.zeros((2, 2, 3))])
    with pytest.raises(ValueError, match='for a mask of'):
        pixel_histograms(np.zeros((3, 2)), mask, GRID)
    with pytest.raises(ValueError, match=r'\[0, 1\]'):
        pixel_histograms(np.full((2, 2), 2.0), mask, GRID)
    with pytest.raises(ValueError, match=r'got \[7\]'):
        pixel_histograms(np.zeros((2, 2)), mask + np.uint8(7), GRID)
    nothing = pixel_histograms(np.zeros((2, 2)), mask, GRID)
    for function in (pxap, lambda h: peak_pixel_iou(h, GRID)):
        with pytest.raises(ValueError, match='no foreground'):
            function(nothing)
