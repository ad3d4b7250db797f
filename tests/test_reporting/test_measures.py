# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
from synthetic_results import dump_results, make_results, without_boxes

from projects.scm.evaluation.functional import ERROR_KINDS
from projects.scm.evaluation.metrics import WSOLEvaluator
from projects.scm.reporting.measures import (
    build_plan,
    measure_run,
    slider_thresholds,
)
from projects.scm.reporting.records import load_records
from projects.scm.structures import iou_inclusive, score_map_to_boxes


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    items = make_results(folder, 30)
    return items, load_records(dump_results(folder / 'a.pkl', items))


@pytest.mark.parametrize('threshold', [None, 'oracle', 'otsu', '0.3'])
@pytest.mark.parametrize('protocol', ['scm', 'tscam'])
def test_figures_are_those_of_the_evaluator(run, protocol, threshold):
    items, records = run
    found = measure_run(build_plan(protocol, threshold), records)
    spec = {'type': 'fixed', 'value': 0.3} if threshold == '0.3' else threshold
    evaluator = WSOLEvaluator(['scm', 'wsoleval', 'tscam'], spec)
    evaluator.process({}, items)
    expected = evaluator.evaluate(len(items))
    for summary in (found.main, *found.others):
        for key, value in summary.metrics().items():
            name = f'wsol/{summary.protocol.name}/{key}'
            assert value == expected.pop(name), name
    assert not expected
    assert found.main.protocol.name == protocol


@pytest.mark.parametrize('threshold', ['oracle', 'otsu', 0.3])
def test_shown_boxes_and_kinds_belong_to_the_figures(run, threshold):
    _, records = run
    found = measure_run(build_plan('scm', threshold), records)
    shares = np.bincount(found.kinds, minlength=len(ERROR_KINDS)) / 30 * 100
    np.testing.assert_allclose(shares, list(found.main.errors.values()))
    hits = found.main.figures['top1_loc'].hits
    right = np.array([record.right_class for record in records])
    assert (hits == (right & (found.ious[0] >= 0.5))).all()
    assert (found.ious[:, right] == found.ious[:1, right]).all()
    assert found.threshold == (0.3 if threshold == 0.3 else found.threshold)
    assert (found.threshold is None) == (threshold == 'otsu')


def test_boxes_are_in_pixels_of_the_picture(run):
    _, records = run
    found = measure_run(build_plan('scm', 0.3), records)
    for index, record in enumerate(records):
        kept = record.found.map_labels.tolist()
        score_map = record.found.score_maps[kept.index(record.gt_label)]
        expected = score_map_to_boxes(score_map, 0.3, record.size_wh)
        box = found.bboxes[1, index]
        # the protocol ends boxes at the last pixel of 224
        assert np.abs(box - expected[0]).max() < max(record.size_wh) / 200
        iou = iou_inclusive([box], record.gt_bboxes).max()
        assert found.ious[1, index] == pytest.approx(iou, abs=0.05)


def test_boxes_that_the_pipeline_fitted_are_counted(run, tmp_path):
    items = [dict(run[0][0], num_cut_boxes=2, num_moved_boxes=3), run[0][1]]
    records = load_records(dump_results(tmp_path / 'a.pkl', items))
    main = measure_run(build_plan('scm', 0.3), records).main
    assert (main.num_cut_boxes, main.num_moved_boxes) == (2, 3)


@pytest.mark.parametrize('tau', [0.1, 0.34, 1.0])
def test_the_slider_shows_what_the_threshold_would(run, tau):
    _, records = run
    swept = measure_run(build_plan('scm'), records)
    expected = measure_run(build_plan('scm', tau), records)
    at = int(np.flatnonzero(np.isclose(swept.taus, tau))[0])
    assert (swept.swept_kinds[:, at] == expected.kinds).all()
    ious = swept.swept_ious[:, :, at] / 10_000
    np.testing.assert_allclose(ious, expected.ious, atol=1e-4)
    sizes = np.array([record.size_wh for record in records])
    boxes = swept.swept_boxes[:, :, at] * np.tile(sizes / swept.frame_wh, 2)
    np.testing.assert_allclose(boxes, expected.bboxes)


def test_the_slider_has_the_stops_that_fit():
    assert len(slider_thresholds(100, 6_000_000)) == 101
    stops = slider_thresholds(20_000, 6_000_000)
    np.testing.assert_allclose(np.diff(stops), 0.05)
    assert len(stops) * 20_000 * 7 * 4 / 3 <= 6_000_000
    assert len(slider_thresholds(10**7, 6_000_000)) == 11


@pytest.mark.parametrize(
    ('threshold', 'shown'), [(None, None), ('otsu', None), ('0.3', 0.3)]
)
def test_without_boxes_classes_alone_are_measured(
    run, tmp_path, threshold, shown
):
    items, records = run
    path = dump_results(tmp_path / 'bare.pkl', without_boxes(items))
    plan = build_plan('scm', threshold)
    found = measure_run(plan, load_records(path))
    expected = measure_run(build_plan('scm', threshold or 'otsu'), records)
    assert not found.has_boxes
    assert found.threshold == shown
    assert found.main.classification == expected.main.classification
    np.testing.assert_array_equal(found.bboxes, expected.bboxes)
    right = [record.right_class for record in records]
    assert found.kinds.tolist() == [
        ERROR_KINDS.index('right' if one else 'cls') for one in right
    ]
    assert not found.ious.any()


def test_wrong_choices_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"'scm', 'trilite'.*got 'wsole"):
        build_plan('wsoleval')
    with pytest.raises(ValueError, match=r"a .json file .* got 'best'"):
        build_plan('scm', 'best')
    with pytest.raises(ValueError, match=r'\[0, 1\], got 1.5'):
        build_plan('scm', '1.5')
    with pytest.raises(FileNotFoundError, match=r't.json'):
        build_plan('scm', str(tmp_path / 't.json'))
