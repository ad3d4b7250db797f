# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Equality with figures recorded from the official implementations."""

import json

import numpy as np
import pytest
from parity_data import load_images

from projects.scm.evaluation.functional import (
    EvaluationPlan,
    boxes_at_thresholds,
    get_protocol,
    peak_pixel_iou,
    pixel_histograms,
    pxap,
    record_image,
    summarize,
)
from projects.scm.structures import normalize_score_map, resize_score_map


@pytest.fixture(scope='module')
def expected(parity_dir):
    return json.loads((parity_dir / 'evaluation.json').read_text())


@pytest.fixture(scope='module')
def summaries(parity_dir):
    """Summaries of the three protocols, maps resized bilinear everywhere."""
    protocols = (
        get_protocol('scm'),
        get_protocol(
            {'type': 'wsoleval', 'interpolation': 'bilinear', 'step': 0.01}
        ),
        get_protocol(
            {'type': 'wsoleval', 'interpolation': 'bilinear', 'name': 'fine'}
        ),
    )
    plan = EvaluationPlan(protocols, tuple(p.threshold for p in protocols))
    records = [record_image(plan, **i) for i in load_images(parity_dir)]
    return {s.protocol.name: s for s in summarize(plan, records)}


def test_boxes(parity_dir):
    data = np.load(parity_dir / 'evaluation.npz')
    grid = np.arange(0, 1, 0.01)
    for n, recorded in enumerate(data['boxes_at_thresholds_0_01']):
        score_map = normalize_score_map(
            resize_score_map(data['cams'][n, data['labels'][n]], (224, 224))
        )
        assert (boxes_at_thresholds(score_map, grid) == recorded).all()


def test_official_scm(summaries, expected):
    official = expected['official_scm']
    scm = summaries['scm']
    names = {
        'cls_acc_top-1': scm.classification['top1_cls_acc'],
        'cls_acc_top-5': scm.classification['top5_cls_acc'],
        'GT-Known_top-1': scm.figures['gt_known_acc'].value,
        'GT-Known_top-5': scm.figures['gt_known_top5_acc'].value,
    }
    for iou, suffix in ((30, '_iou30'), (50, ''), (70, '_iou70')):
        for theirs, threshold, ours in (
            ('maxbox_acc', 'det_optThred', ('gt_known', 'gt_known_top5')),
            ('loc_acc', 'loc_optThred', ('top1_loc', 'top5_loc')),
        ):
            for k, name in zip((1, 5), ours, strict=True):
                key = name + ('_acc' if 'known' in name else '') + suffix
                end = f'thr_{iou:.2f}_top-{k}'
                names[f'{theirs}_{end}'] = scm.figures[key].value
                names[f'{threshold}_{end}'] = scm.figures[key].threshold
    assert names == official


@pytest.mark.parametrize(
    ('recorded', 'protocol', 'measure'),
    [
        ('wsolevaluation_single_0.01', 'wsoleval', 'max_box_acc'),
        ('wsolevaluation_multi_0.01', 'wsoleval', 'max_box_acc_v2'),
        ('wsolevaluation_single_0.001', 'fine', 'max_box_acc'),
    ],
)
def test_wsolevaluation(summaries, expected, recorded, protocol, measure):
    official = expected[recorded]
    measured = next(
        m for m in summaries[protocol].protocol.measures if m.name == measure
    )
    figures = [
        summaries[protocol].figures[measured.key(iou)]
        for iou in (0.3, 0.5, 0.7)
    ]
    assert [figure.value for figure in figures] == official['max_box_acc']
    if official['num_correct'] is not None:
        for figure, counts in zip(
            figures, official['num_correct'].values(), strict=True
        ):
            assert (figure.curve == np.array(counts) * 100 / 48).all()
    if measured.mean_over_ious:
        assert summaries[protocol].figures[measure].value == np.mean(
            official['max_box_acc']
        )


def test_pxap(parity_dir, expected):
    data = np.load(parity_dir / 'evaluation.npz')
    masks = np.unpackbits(data['masks_packed'], axis=-1)
    grid = np.arange(0, 1, 0.001)
    total = np.zeros((2, len(grid) + 2), np.int64)
    for score_map, mask in zip(
        data['cams'][np.arange(48), data['labels']], masks, strict=True
    ):
        resized = resize_score_map(score_map, (224, 224))
        total += pixel_histograms(normalize_score_map(resized), mask, grid)
    assert pxap(total) == pytest.approx(
        expected['wsolevaluation_pxap'], rel=1e-12, abs=1e-9
    )
    peak, threshold = peak_pixel_iou(total, grid)
    assert 50 < peak < 100
    assert 0 < threshold < 1
