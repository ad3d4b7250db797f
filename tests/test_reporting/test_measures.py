# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
from synthetic_results import dump_results, make_results

from projects.scm.evaluation.functional import ERROR_KINDS
from projects.scm.evaluation.metrics import WSOLEvaluator
from projects.scm.reporting.measures import (
    build_plan,
    measure_run,
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


def test_wrong_choices_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"'scm', 'trilite'.*got 'wsole"):
        build_plan('wsoleval')
    with pytest.raises(ValueError, match=r"a .json file .* got 'best'"):
        build_plan('scm', 'best')
    with pytest.raises(ValueError, match=r'\[0, 1\], got 1.5'):
        build_plan('scm', '1.5')
    with pytest.raises(FileNotFoundError, match=r't.json'):
        build_plan('scm', str(tmp_path / 't.json'))
