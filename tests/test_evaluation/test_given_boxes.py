# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes of a detector under the protocols, by hand and against maps."""

import numpy as np
import pytest

from projects.scm.evaluation.functional import (
    ERROR_KINDS,
    EvaluationPlan,
    format_table,
    record_box,
    record_image,
    summarize,
)

NAMES = ['scm', 'wsoleval', 'tscam']
TRUTH = (0, 0, 9, 9)


def make_plan(protocol=NAMES, frame_size=100):
    return EvaluationPlan.build(protocol, 'none', frame_size=frame_size)


def record(box, plan=None, ranking=(2, 0, 1), gt=(TRUTH,), size=(100, 100)):
    return record_box(
        plan or make_plan(), box, 2, gt, size, ranking=ranking, name='a.png'
    )


def figures(records, protocol='scm'):
    plan = make_plan(protocol)
    (summary,) = summarize(plan, [record(plan=plan, **r) for r in records])
    return summary.metrics()


def test_class_and_box_must_both_be_right():
    hit, miss = (0, 0, 9, 9), (50, 50, 60, 60)
    images = [
        dict(box=hit),
        dict(box=miss),
        dict(box=hit, ranking=(0, 1, 2)),
        dict(box=hit, ranking=(0, 1, 3)),
        dict(box=None),
    ]
    metrics = figures(images)
    assert metrics['gt_known_acc'] == pytest.approx(60)
    assert metrics['top1_loc'] == pytest.approx(20)
    assert metrics['top5_loc'] == pytest.approx(40)
    assert metrics['top1_cls_acc'] == pytest.approx(60)
    assert metrics['top5_cls_acc'] == pytest.approx(80)
    assert metrics['error_right'] == pytest.approx(20)
    assert metrics['error_cls'] == pytest.approx(40)
    assert metrics['error_wrong'] == pytest.approx(20)
    # Nothing found is the upper left pixel, which lies within the truth.
    assert metrics['error_part'] == pytest.approx(20)
    # There is no threshold to tell, to choose or to choose better.
    assert not [key for key in metrics if 'threshold' in key or 'gap' in key]


def test_the_limit_counts_or_not_as_the_protocol_says():
    half = [dict(box=(0, 0, 4, 9))]  # 5 x 10 pixels of 10 x 10
    assert figures(half)['top1_loc'] == 100
    assert figures(half, 'tscam')['top1_loc'] == 0
    assert figures(half, 'tscam')['gt_known_acc'] == 100
    less = [dict(box=(0, 0, 3, 9))]
    assert figures(less)['top1_loc'] == 0
    assert figures(less)['top1_loc_iou30'] == 100


def test_boxes_are_compared_in_whole_pixels_of_the_frame():
    def right(**image):
        metrics = figures([image])
        return metrics['gt_known_acc_iou70'], metrics['gt_known_acc']

    # In an image of 400 x 200, x counts a quarter and y a half.
    wide = dict(size=(400, 200))
    assert right(box=(0, 0, 36, 18), gt=[(3, 1, 39, 19)], **wide) == (100, 100)
    assert right(box=(0, 0, 16, 18), gt=[(3, 1, 39, 19)], **wide) == (0, 100)
    # Any of several boxes may be hit.
    assert right(box=TRUTH, gt=[(50, 50, 60, 60), TRUTH]) == (100, 100)


@pytest.mark.parametrize('seed', range(4))
def test_a_box_counts_as_the_map_that_shows_it_alone(seed):
    """The other way to the same figures: paint the box, and search it."""
    rng = np.random.default_rng(seed)
    given = make_plan(frame_size=224)
    painted = EvaluationPlan.build(NAMES, dict(type='fixed', value=0.5))
    records = [[], []]
    for _ in range(40):
        size = rng.integers(60, 400, 2)
        x = np.sort(rng.choice(size[0], 2, replace=False))
        y = np.sort(rng.choice(size[1], 2, replace=False))
        gt = [x[0], y[0], x[1], y[1]]
        label = int(rng.integers(3))
        ranking = rng.permutation(3).tolist()
        # Corners of whole pixels of the frame, near the truth, in the image.
        low = np.trunc(np.array([x[0], y[0]]) * 224 / size).astype(int)
        high = np.trunc(np.array([x[1], y[1]]) * 224 / size).astype(int)
        low = np.clip(low + rng.integers(-15, 16, 2), 0, 222)
        high = np.clip(high + rng.integers(-15, 16, 2), low + 1, 224)
        # The middle of a pixel of the frame: no rounding in the way.
        box = (np.concatenate([low, high]) + 0.5) * np.tile(size, 2) / 224
        score_map = np.zeros((224, 224), np.float32)
        score_map[low[1] : high[1], low[0] : high[0]] = 1
        how = dict(ranking=ranking, name='an image')
        records[0].append(record_box(given, box, label, [gt], size, **how))
        records[1].append(
            record_image(
                painted,
                [score_map] * 3,
                range(3),
                label,
                [gt],
                size,
                **how,
            )
        )
    for own, other in zip(
        summarize(given, records[0]),
        summarize(painted, records[1]),
        strict=True,
    ):
        expected = {
            key: value
            for key, value in other.metrics().items()
            if 'threshold' not in key and 'gap' not in key
        }
        assert own.metrics() == expected
        assert own.per_class() == other.per_class()
        assert 0 < own.figures[next(iter(own.figures))].value < 100


def test_the_table_has_no_threshold():
    plan = make_plan()
    summaries = summarize(plan, [record((0, 0, 9, 9), plan)])
    table = format_table(summaries, 'test')
    row = next(line for line in table.splitlines() if 'top1_loc' in line)
    assert ' '.join(row.split()) == (
        'scm top1_loc 100.00 100.0 to 100.0 none 0.00 0.00'
    )
    assert 'errors of top1_loc' in table
    assert 'oracle' not in table.split('\n', 2)[2]
    assert summaries[0].thresholds() == {}
    assert 'top1_loc' not in summaries[0].to_dict()['curves']


def test_kinds_of_errors():
    plan = make_plan('scm')
    kinds = {
        (0, 0, 9, 9): 'right',
        (0, 0, 3, 3): 'part',
        (0, 0, 60, 60): 'more',
        (70, 70, 80, 80): 'wrong',
    }
    for box, kind in kinds.items():
        found = np.unique(record(box, plan).kinds['scm'])
        assert [ERROR_KINDS[k] for k in found] == [kind]


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match=r'a\.png: .*four finite'):
        record((0, 0, 9, np.nan))
    with pytest.raises(ValueError, match=r'a\.png: .*four finite'):
        record((0, 0, 9))
    with pytest.raises(ValueError, match=r'a\.png: .*need a ranking'):
        record(TRUTH, ranking=None)
    with pytest.raises(ValueError, match="expected 'none', got fixed"):
        record(TRUTH, EvaluationPlan.build('scm', dict(type='fixed', value=1)))
    with pytest.raises(ValueError, match='score maps need one'):
        record_image(
            make_plan(),
            np.zeros((1, 4, 4)),
            [2],
            2,
            [TRUTH],
            (100, 100),
            ranking=[2],
            name='a.png',
        )
    with pytest.raises(ValueError, match='in all protocols or in none'):
        EvaluationPlan.build(['tscam', dict(type='scm', threshold='none')])
