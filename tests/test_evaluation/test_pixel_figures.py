# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""PxAP and pixel IoU of records, by counting and through the metric."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmpretrain.registry import METRICS
from mmpretrain.structures import DataSample

from projects.scm.evaluation.functional import (
    ImageRecord,
    centred_squares,
    have_masks,
    pixel_figures,
    record_pixels,
    summarize_pixels,
)

FRAME = (16, 16)


@pytest.fixture
def images():
    """Maps that need no resizing, masks and what is not judged."""
    rng = np.random.default_rng(3)
    found = []
    for i in range(3):
        mask = np.zeros((16, 16), np.uint8)
        mask[2 + i : 9 + i, 3:12] = 255
        ignore = (rng.random((16, 16)) < 0.1).astype(np.uint8)
        found.append((rng.random((16, 16)) + mask / 500, mask, ignore))
    return found


def record(name, pixels):
    return ImageRecord(name, 0, 0, np.empty((0, 4)), pixels=pixels)


def records(images):
    return [
        record(f'{i}', record_pixels(score_map, [mask], ignore, FRAME))
        for i, (score_map, mask, ignore) in enumerate(images)
    ]


def test_against_counting(images):
    found = summarize_pixels(records(images))
    judged = [(ignore < 0.5) | (mask > 0) for _, mask, ignore in images]
    truth = np.concatenate(
        [m[1][j] > 0 for m, j in zip(images, judged, strict=True)]
    )
    scores = np.concatenate(
        [
            ((m[0] - m[0].min()) / np.ptp(m[0]))[j]
            for m, j in zip(images, judged, strict=True)
        ]
    )
    grid = np.arange(0, 1, 0.001)
    ious = [
        (truth & (scores >= t)).sum() / (truth | (scores >= t)).sum()
        for t in grid
    ]
    assert found.peak_pixel_iou == pytest.approx(100 * max(ious))
    assert found.threshold == grid[np.argmax(ious)]
    # Average precision, over falling thresholds.
    area = last = 0.0
    for t in [1.0, *grid[::-1]]:
        above = scores >= t
        recall = (truth & above).sum() / truth.sum()
        area += (recall - last) * truth[above].mean()
        last = recall
    assert found.pxap == pytest.approx(100 * area)
    assert found.full_image == pytest.approx(100 * truth.mean())
    assert found.num_images == 3


def test_centred_square_is_the_best_of_all(images):
    found = summarize_pixels(records(images))
    best = 0.0
    for x0, y0, x1, y1 in [*centred_squares(FRAME), (8, 8, 8, 8)]:
        square = np.zeros((16, 16), bool)
        square[y0 : y1 + 1, x0 : x1 + 1] = True
        both = either = 0
        for _, mask, ignore in images:
            judged = (ignore < 0.5) | (mask > 0)
            both += (square & (mask > 0)).sum()
            either += ((square | (mask > 0)) & judged).sum()
        best = max(best, both / either)
    assert found.centred_iou == pytest.approx(100 * best)
    assert found.full_image < found.centred_pxap < 100


def test_by_hand():
    """Four pixels: 1.0 and 0.5 are foreground, 0.6 is not, 0.0 is ignored."""
    score_map = np.array([[1.0, 0.5], [0.6, 0.0]])
    pixels = record_pixels(
        score_map,
        [np.array([[255, 255], [0, 0]])],
        np.array([[0, 0], [0, 255]]),
        (2, 2),
    )
    assert pixels.dtype == np.uint8
    assert pixels.sum() == 6  # three pixels, of the map and of the squares
    found = pixel_figures(pixels.astype(int), 1)
    # Precision 1 up to recall 1/2, then 2/3.
    assert found.pxap == pytest.approx(100 * (1 / 2 + 1 / 2 * 2 / 3))
    assert found.peak_pixel_iou == pytest.approx(100 * 2 / 3)
    assert found.threshold == 0  # the lowest of several
    assert found.full_image == pytest.approx(100 * 2 / 3)


def test_above():
    """Three of five annotators are more than half, two are not."""
    mask = np.array([[153, 102]], np.uint8)
    pixels = record_pixels(np.array([[1.0, 0.0]]), [mask], None, (2, 1), 127)
    assert pixels[0].sum(axis=1).tolist() == [1, 1]


def test_all_or_none(images):
    mixed = [*records(images), record('bare', None)]
    with pytest.raises(ValueError, match=r'bare: no mask, .*1 of 4'):
        have_masks(mixed)
    assert summarize_pixels(mixed[3:]) is None


@pytest.fixture
def samples(images, tmp_path):
    """As the dataset and the model give them, two classes."""
    made = []
    for i, (score_map, mask, ignore) in enumerate(images):
        for name, picture in (('mask', mask), ('ignore', ignore * 255)):
            cv2.imwrite(str(tmp_path / f'{i}_{name}.png'), picture)
        sample = DataSample(
            metainfo={
                'img_path': f'{i}.jpg',
                'ori_shape': (16, 16),
                'instances': [],
                'mask_files': {
                    'objects': [str(tmp_path / f'{i}_mask.png')],
                    'ignored': str(tmp_path / f'{i}_ignore.png'),
                },
            }
        )
        sample.set_gt_label(1).set_pred_score(torch.tensor([0.7, 0.3]))
        maps = np.stack([np.zeros((16, 16)), score_map])
        sample.score_maps = torch.from_numpy(maps)
        sample.score_map_labels = torch.tensor([0, 1])
        made.append(sample)
    return made


def evaluate(samples):
    metric = METRICS.build(
        {
            'type': 'WSOLEvaluator',
            'protocol': 'wsoleval',
            'frame_size': 16,
        }
    )
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = {'split': 'val', 'with_boxes': False}
    evaluator.process(data_samples=samples)
    return evaluator.evaluate(len(samples))


def test_metric(images, samples, monkeypatch):
    told = []
    monkeypatch.setattr(
        MMLogger, 'info', lambda self, text, *a: told.append(text % a)
    )
    found = evaluate(samples)
    expected = summarize_pixels(records(images))
    assert {k: v for k, v in found.items() if '/masks/' in k} == {
        f'wsol/masks/{k}': v for k, v in expected.metrics().items()
    }
    assert found['wsol/wsoleval/top1_cls_acc'] == 0
    (table,) = [text for text in told if 'pxap' in text]
    (row,) = [line for line in table.splitlines() if 'peak_pixel' in line]
    assert row.split()[2] == f'{expected.peak_pixel_iou:.2f}'
    assert row.split()[-1] == f'{expected.centred_iou:.2f}'
    assert 'No figures of boxes' in table


def test_metric_refuses(samples, tmp_path):
    (tmp_path / '1_mask.png').write_bytes(b'')
    with pytest.raises(ValueError, match=r'1_mask\.png: mask of 1\.jpg does'):
        evaluate(samples)
    samples[1].set_metainfo({'mask_files': {'mask': 'a.png'}})
    with pytest.raises(ValueError, match=r"1\.jpg: mask_files: .*'objects'"):
        evaluate(samples)
    samples[1].set_metainfo({'mask_files': None})
    with pytest.raises(ValueError, match=r'1\.jpg: no mask, but other'):
        evaluate(samples)
