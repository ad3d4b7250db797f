# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""How thresholds are chosen, stored and read."""

import json

import numpy as np
import pytest
from map_zoo import KINDS

from projects.scm.evaluation.functional import (
    EvaluationPlan,
    ThresholdChoice,
    load_label_threshold,
    load_thresholds,
    otsu_cut,
    record_image,
    save_label_threshold,
    save_thresholds,
    summarize,
    threshold_spec,
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'deep' / 'thresholds.json'
    keys = EvaluationPlan.build('tscam')
    chosen = dict.fromkeys(keys.keys(keys.protocols[0]), 0.35)
    chosen['top1_loc'] = 35 * 0.01
    save_thresholds(path, {'tscam': chosen}, split='val', num_images=7)
    return path


def test_round_trip(file):
    choice = ThresholdChoice.build({'type': 'val', 'file': str(file)})
    assert choice.threshold_of('tscam', 'top1_loc') == 35 * 0.01
    assert choice.split == 'val'
    assert str(choice) == 'val (val)'
    assert load_thresholds(file)['num_images'] == 7
    assert choice.extra_thresholds('tscam') == [0.35, 35 * 0.01]
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_validated_thresholds_are_not_those_of_the_same_split(file):
    choice = ThresholdChoice.build({'type': 'val', 'file': str(file)})
    choice.check_split('test')
    choice.check_split(None)
    with pytest.raises(ValueError, match="chosen on the split 'val'"):
        choice.check_split('val')


def test_missing_protocol_and_figure(file):
    options = {'threshold': {'type': 'val', 'file': str(file)}}
    with pytest.raises(ValueError, match="no thresholds of protocol 'scm'"):
        EvaluationPlan.build('scm', **options)
    with pytest.raises(ValueError, match="no threshold for 'top1_loc_iou60'"):
        EvaluationPlan.build('tscam', iou_thresholds=(0.5, 0.6), **options)


@pytest.mark.parametrize(
    'content',
    ['', '[]', '{}', '{"thresholds": 3}', '{"thresholds": {"scm": {"a": 2}}}'],
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / 'x.json'
    path.write_text(content)
    with pytest.raises(ValueError, match=r'x.json: expected'):
        load_thresholds(path)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='threshold_file'):
        ThresholdChoice.build({'type': 'val', 'file': str(tmp_path / 'no')})


@pytest.mark.parametrize(
    ('spec', 'message'),
    [
        ('mean', "got 'mean'"),
        ({'value': 0.1}, 'no type'),
        ({'type': 'fixed'}, "'fixed' has a value"),
        ({'type': 'fixed', 'value': 1.1}, r'\[0, 1\]'),
        ({'type': 'oracle', 'value': 0.1}, "'fixed' has a value"),
        ({'type': 'val'}, "'val' has a file"),
        ({'type': 'otsu', 'file': 'x'}, "'val' has a file"),
        ({'type': 'labels', 'value': 0.1}, "'fixed' has a value"),
        ({'type': 'oracle', 'step': 1}, "unknown fields.*'step'"),
    ],
)
def test_refuses(spec, message):
    with pytest.raises(ValueError, match=message):
        ThresholdChoice.build(spec)


@pytest.mark.parametrize('value', [0, 1])
def test_both_ends_are_thresholds(value):
    choice = ThresholdChoice.build({'type': 'fixed', 'value': value})
    assert choice.threshold_of('scm', 'top1_loc') == value
    with pytest.raises(ValueError, match=r'\[0, 1\], got -0\.01'):
        ThresholdChoice.build({'type': 'fixed', 'value': -0.01})


def test_numbers_survive_json():
    grid = np.arange(0, 1, 0.001)
    assert json.loads(json.dumps(grid.tolist())) == grid.tolist()


def test_otsu_separates_best():
    """Against the definition: the largest variance between two classes."""
    for seed in range(5):
        score_map = KINDS['patches'](np.random.default_rng(seed), 40)
        levels = (score_map * 255).astype(np.uint8).astype(float)
        variances = []
        for cut in range(255):
            low, high = levels[levels <= cut], levels[levels > cut]
            if len(low) and len(high):
                gap = low.mean() - high.mean()
                variances.append((len(low) * len(high) * gap**2, cut))
        best = max(v for v, _ in variances)
        cut = otsu_cut(levels.astype(np.uint8))
        low, high = levels[levels <= cut], levels[levels > cut]
        gap = low.mean() - high.mean()
        assert len(low) * len(high) * gap**2 == pytest.approx(best)


@pytest.fixture
def labels_file(tmp_path):
    path = tmp_path / 'labels.json'
    save_label_threshold(path, {'threshold': 0.345, 'split': 'train'})
    return path


def test_labels_alone_build_and_ask_for_the_file_when_evaluated():
    plan = EvaluationPlan.build('scm', {'type': 'labels'})
    assert str(plan.choices[0]) == 'labels'
    with pytest.raises(ValueError, match=r'choose_threshold\.py'):
        record_image(
            plan,
            np.eye(14)[None],
            [0],
            0,
            [[0, 0, 5, 5]],
            (10, 10),
            ranking=[0],
            name='a.jpg',
        )


def test_labels_are_one_threshold_for_all_figures(labels_file):
    spec = {'type': 'labels', 'file': str(labels_file)}
    plan = EvaluationPlan.build(['scm', 'wsoleval'], spec)
    assert str(plan.choices[0]) == 'labels (train)'
    record = record_image(
        plan,
        np.eye(14)[None],
        [0],
        0,
        [[0, 0, 5, 5]],
        (10, 10),
        ranking=[0],
        name='a.jpg',
    )
    for summary in summarize(plan, [record]):
        for key, figure in summary.figures.items():
            assert figure.threshold == 0.345, key


def test_what_a_command_line_means(labels_file, file):
    assert threshold_spec(None) is None
    assert threshold_spec('otsu') == 'otsu'
    assert threshold_spec('0.2') == {'type': 'fixed', 'value': 0.2}
    for path, kind in ((labels_file, 'labels'), (file, 'val')):
        assert threshold_spec(path) == {'type': kind, 'file': str(path)}
    with pytest.raises(ValueError, match="got 'best'"):
        threshold_spec('best')


@pytest.mark.parametrize(
    'content',
    [
        '',
        '[]',
        '{"threshold": 0.1}',
        '{"chosen_by": "labels"}',
        '{"chosen_by": "labels", "threshold": 1.5}',
        '{"chosen_by": "labels", "threshold": "a"}',
    ],
)
def test_other_files_hold_no_label_threshold(tmp_path, content):
    path = tmp_path / 'x.json'
    path.write_text(content)
    with pytest.raises(ValueError, match=r'x.json: expected'):
        load_label_threshold(path)


def test_no_file_of_a_label_threshold(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'choose_threshold\.py'):
        ThresholdChoice.build(
            {'type': 'labels', 'file': str(tmp_path / 'no.json')}
        )
