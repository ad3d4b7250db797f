# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Presets and what may be changed about them."""

import numpy as np
import pytest

from projects.scm.evaluation.functional import (
    PROTOCOLS,
    EvaluationPlan,
    Measure,
    Protocol,
    get_protocol,
    record_image,
    summarize,
)
from projects.scm.evaluation.functional.threshold_boxes import NO_LIMIT


def test_presets_differ_as_published():
    wsoleval, tscam, scm = (
        PROTOCOLS[name] for name in ('wsoleval', 'tscam', 'scm')
    )
    assert [p.interpolation for p in (wsoleval, tscam, scm)] == [
        'bicubic',
        'bilinear',
        'bilinear',
    ]
    assert (len(wsoleval.grid), len(scm.grid)) == (1000, 100)
    assert [p.clamp for p in (wsoleval, tscam, scm)] == [True, False, True]
    assert tscam.empty_box == (0, 0, 1, 1)
    assert (tscam.threshold.type, tscam.threshold.value) == ('fixed', 0.1)
    assert wsoleval.threshold.type == scm.threshold.type == 'oracle'
    by_name = {m.name: m for m in tscam.measures}
    assert by_name['top1_loc'].strict
    assert not by_name['gt_known_acc'].strict
    assert by_name['gt_known_acc'].maps == 'gt'
    assert {m.name: m.maps for m in scm.measures}['gt_known_acc'] == 'top1'
    assert [m.contours for m in wsoleval.measures] == ['largest', 'all']


def test_grid_is_that_of_numpy():
    for step in (0.01, 0.3):  # 0.3 is no share of 1
        grid = get_protocol(dict(type='scm', step=step)).grid
        assert grid.tolist() == np.arange(0, 1, step).tolist()


def test_override():
    protocol = get_protocol(
        {
            'type': 'tscam',
            'name': 'mine',
            'threshold': {'type': 'fixed', 'value': 0.12},
            'empty_box': [0, 0, 0, 0],
            'measures': [{'name': 'a_acc'}, Measure('b_acc', 'top1')],
        }
    )
    assert protocol.name == 'mine'
    assert protocol.threshold.value == 0.12
    assert protocol.empty_box == (0, 0, 0, 0)
    assert [m.name for m in protocol.measures] == ['a_acc', 'b_acc']
    assert not protocol.clamp
    assert PROTOCOLS['tscam'].name == 'tscam'
    assert get_protocol(protocol) is protocol


@pytest.mark.parametrize(
    ('spec', 'error', 'message'),
    [
        ('wsol', ValueError, "expected one of .*'wsoleval'.* got 'wsol'"),
        ({'interpolation': 'bilinear'}, ValueError, 'got None'),
        ({'type': 'scm', 'stepp': 1}, ValueError, "unknown fields.*'stepp'"),
        ({'type': 'scm', 'step': 0}, ValueError, 'step must lie'),
        (
            {'type': 'scm', 'interpolation': 'nearest'},
            ValueError,
            'interpolation must be',
        ),
        (
            {'type': 'scm', 'measures': [{'name': 'a'}, {'name': 'a'}]},
            ValueError,
            'same name',
        ),
        (
            {'type': 'scm', 'measures': [{'name': 'a', 'maps': 'all'}]},
            ValueError,
            "'a': maps must be one of",
        ),
        (3, TypeError, 'int'),
    ],
)
def test_refuses(spec, error, message):
    with pytest.raises(error, match=message):
        get_protocol(spec)


def test_names_of_figures():
    assert Measure('top1_loc').key(0.5) == 'top1_loc'
    assert Measure('top1_loc').key(0.3) == 'top1_loc_iou30'
    assert Measure('v2', mean_over_ious=True).key(0.5) == 'v2_iou50'
    # In floating point 0.29 * 100 lies below 29, 0.57 * 100 below 57, and
    # 0.55 * 100 above 55.
    found = [Measure('m').key(percent / 100) for percent in range(1, 101)]
    expected = [f'm_iou{percent}' for percent in range(1, 101)]
    expected[49] = 'm'
    assert found == expected


def test_overlaps_that_round_alike_have_names_of_their_own():
    keys = [Measure('m').key(iou) for iou in (0.301, 0.304, 0.575, 0.5001)]
    assert keys == ['m_iou30.1', 'm_iou30.4', 'm_iou57.5', 'm_iou50.01']
    with pytest.raises(ValueError, match=r'that differ.*0\.3, 0\.5, 0\.3'):
        EvaluationPlan.build(iou_thresholds=(0.3, 0.5, 0.3))


def test_arrays_do_for_thresholds_and_sizes():
    plan = EvaluationPlan.build(
        iou_thresholds=np.array([0.25, 0.5], np.float32),
        frame_size=np.array([32, 24]),
    )
    assert plan.iou_thresholds == (0.25, 0.5)
    assert plan.frame_size_wh == (32, 24)


def test_without_ranking():
    reduced = PROTOCOLS['tscam'].without_ranking()
    assert [m.name for m in reduced.measures] == ['gt_known_acc']
    assert not reduced.needs_ranking
    assert PROTOCOLS['tscam'].needs_ranking
    assert not PROTOCOLS['wsoleval'].needs_ranking


class TestPlan:
    def test_own_thresholds_of_protocols(self):
        plan = EvaluationPlan.build(['scm', 'tscam'])
        assert [str(c) for c in plan.choices] == ['oracle', 'fixed']
        assert plan.thresholds(1).tolist()[-1] == 0.1
        assert len(plan.thresholds(0)) == 100

    def test_one_choice_for_all(self):
        plan = EvaluationPlan.build(
            ['scm', 'tscam'], threshold={'type': 'otsu'}
        )
        assert [str(c) for c in plan.choices] == ['otsu', 'otsu']

    def test_shared_thresholds(self):
        plan = EvaluationPlan.build(['scm', 'wsoleval', 'tscam'])
        shared = plan.shared_thresholds
        assert {k: len(v) for k, v in shared.items()} == {
            'bilinear': 201,
            'bicubic': 1000,
        }
        for index, protocol in enumerate(plan.protocols):
            own = shared[protocol.interpolation][slice(*plan.columns[index])]
            assert (own == plan.thresholds(index)).all()
            assert plan.num_columns(index) == len(own) + 1

    def test_looks(self):
        """Contours, columns, last corner, empty box."""
        plan = EvaluationPlan.build(
            ['scm', 'wsoleval', 'tscam'], frame_size=(300, 200)
        )
        wanted = ((2, 'largest'), (0, 'all'), (1, 'all'))
        largest, *every = plan.looks(wanted).tolist()
        assert largest == [0, 100, 201, NO_LIMIT - 1, NO_LIMIT - 1, 0, 0, 1, 1]
        assert every == [
            [1, 0, 100, 299, 199, 0, 0, 0, 0],
            [1, 0, 1000, 299, 199, 0, 0, 0, 0],
        ]

    def test_frame(self):
        assert EvaluationPlan.build().frame_size_wh == (224, 224)
        plan = EvaluationPlan.build(frame_size=(300, 200))
        assert plan.frame_size_wh == (300, 200)

    @pytest.mark.parametrize(
        ('options', 'message'),
        [
            ({'protocol': ['scm', 'scm']}, 'different names'),
            ({'protocol': []}, 'different names'),
            ({'iou_thresholds': (0.3, 0.7)}, '0.5 among'),
            ({'iou_thresholds': (0.5, 1.5)}, r'\(0, 1\]'),
            ({'iou_thresholds': (0, 0.5)}, r'\(0, 1\]'),
            ({'threshold': 'best'}, "'best'"),
        ],
    )
    def test_refuses(self, options, message):
        with pytest.raises(ValueError, match=message):
            EvaluationPlan.build(**options)


def test_a_protocol_can_be_written_from_nothing():
    protocol = Protocol('own', (Measure('x_acc', contours='all'),))
    assert EvaluationPlan.build(protocol).keys(protocol) == [
        'x_acc_iou30',
        'x_acc',
        'x_acc_iou70',
    ]


def test_trilite_takes_any_contour_on_imagenet_alone():
    """A small spot on the object, a larger one beside it."""
    score_map = np.zeros((224, 224))
    score_map[10:50, 10:50] = score_map[100:200, 100:200] = 1
    plan = EvaluationPlan.build(['trilite', 'trilite_in1k'])
    record = record_image(
        plan,
        score_map[None],
        [0],
        gt_label=0,
        gt_boxes=[[10, 10, 50, 50]],
        image_size_wh=(224, 224),
        ranking=[0],
        name='picture',
    )
    found = {s.protocol.name: s.metrics() for s in summarize(plan, [record])}
    for key in ('top1_loc', 'top5_loc', 'gt_known_acc'):
        assert found['trilite'][key] == 0
        assert found['trilite_in1k'][key] == 100
    assert PROTOCOLS['trilite'].grid[1] == 0.005
