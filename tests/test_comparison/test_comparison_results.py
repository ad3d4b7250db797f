# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Files of runs: small, and as good as the test run."""

import json

import numpy as np
import pytest
from synthetic_results import make_results

from projects.scm.comparison.hits import (
    digest_of_names,
    pack_bits,
    reported_half,
    unpack_bits,
)
from projects.scm.comparison.results import (
    load_result,
    measure_epoch,
    save_result,
)
from projects.scm.comparison.spec import Method, Run
from projects.scm.evaluation.functional import EvaluationPlan
from projects.scm.evaluation.metrics import WSOLEvaluator

PROTOCOLS = ['scm', 'wsoleval', 'tscam']
RUN = Run('birds', Method('scm', 'scm_{dataset}.py'), 26)


@pytest.fixture(scope='module')
def samples(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp('pictures'), count=20)


@pytest.fixture(scope='module')
def content(samples):
    described, epoch = measure_epoch(
        samples[::-1],
        EvaluationPlan.build(PROTOCOLS),
        4,
        {'threshold': 0.23, 'criterion': 'some', 'curve': [0.0] * 100},
    )
    return {
        'dataset': 'birds',
        'method': 'scm',
        'seed': 26,
        'config': 'scm_birds.py',
        'options': {},
        **described,
        'epochs': [epoch],
    }


@pytest.fixture
def result(content, tmp_path):
    save_result(tmp_path / 'run.json', content)
    return load_result(tmp_path / 'run.json')


@pytest.mark.parametrize(
    ('choice', 'threshold'),
    [
        ('oracle', 'oracle'),
        ('otsu', 'otsu'),
        ('fixed', {'type': 'fixed', 'value': 0.1}),
        ('labels', {'type': 'fixed', 'value': 0.23}),
    ],
)
def test_figures_are_those_of_the_evaluator(
    result, samples, choice, threshold
):
    for summary in WSOLEvaluator.calculate(samples, PROTOCOLS, threshold):
        for key, figure in summary.figures.items():
            mean = key == 'max_box_acc_v2'
            if figure.iou != 0.5 and not mean:
                continue
            hits = result.last.hits(f'{summary.protocol.name}/{key}', choice)
            assert hits.mean() * 100 == pytest.approx(figure.value), key
            if choice != 'otsu' and not mean:
                name = f'{summary.protocol.name}/{key}'
                assert result.last.threshold(name, choice) == pytest.approx(
                    figure.threshold
                )
        for k in (1, 5):
            assert result.last.hits(
                f'cls/top{k}', ''
            ).mean() * 100 == pytest.approx(
                summary.classification[f'top{k}_cls_acc']
            )


def test_threshold_of_the_other_half_is_not_chosen_on_the_reported_one(
    result, samples
):
    names = sorted(sample['img_path'] for sample in samples)
    reported = reported_half(names)
    assert np.array_equal(result.reported, reported)
    assert 0 < reported.sum() < len(names)
    chosen = [s for s in samples if not reported[names.index(s['img_path'])]]
    for summary in WSOLEvaluator.calculate(chosen, PROTOCOLS, 'oracle'):
        for key, figure in summary.figures.items():
            if figure.iou == 0.5:
                name = f'{summary.protocol.name}/{key}'
                assert result.last.threshold(name, 'val') == pytest.approx(
                    figure.threshold
                )


def test_what_the_file_keeps(result):
    """Of twenty images, and of a thousand thirty kilobytes more."""
    assert result.num_images == 20
    assert result.last.epoch == 4
    assert result.last.content['labels'] == {
        'threshold': 0.23,
        'criterion': 'some',
    }
    assert sum(result.last.content['errors']['scm'].values()) == pytest.approx(
        100, abs=0.01
    )
    assert len(json.dumps(result.content)) < 20_000


def test_what_was_not_measured_is_none(result):
    assert result.last.hits('scm/top9', 'oracle') is None
    assert result.last.hits('scm/top1_loc', 'val') is not None
    assert result.last.threshold('scm/top9', 'oracle') is None


def test_without_labels_there_is_no_figure_of_them(samples):
    plan = EvaluationPlan.build(PROTOCOLS)
    _, epoch = measure_epoch(samples, plan, 1)
    assert all(
        'labels' not in choices for choices in epoch['figures'].values()
    )
    with pytest.raises(ValueError, match='none has a fixed threshold'):
        measure_epoch(samples, EvaluationPlan.build('scm'), 1)


@pytest.mark.parametrize(
    'text',
    ['', '[]', '{}', '{"format": 9}', '{"format": 1, "epochs": []}'],
)
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / 'x.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'x.json: not the result of a run'):
        load_result(path)


@pytest.mark.parametrize(
    ('path', 'value', 'said'),
    [
        ('epochs 0 classification top1', 'AAA=', 'top1: expected 20 bits'),
        ('epochs 0 classification top5', 3, 'top5: expected str, got 3'),
        ('epochs 0 figures', [], r'figures: expected dict, got \[\]'),
        ('epochs 0 epoch', True, 'epoch: expected int, got True'),
        ('epochs 0', None, r'epochs\.0: expected dict, got None'),
        ('epochs', [], 'epochs: expected at least one'),
        ('num_images', '<html>', 'num_images: expected int'),
        ('images', float('nan'), 'images: expected str, got nan'),
    ],
)
def test_wrong_fields_are_named(content, path, value, said, tmp_path):
    """Before anything is made of them."""
    broken = node = json.loads(json.dumps(content))
    *parents, last = [int(k) if k.isdecimal() else k for k in path.split()]
    for key in parents:
        node = node[key]
    node[last] = value
    save_result(tmp_path / 'run.json', broken)
    with pytest.raises(ValueError, match=rf'run\.json: not the .*{said}'):
        load_result(tmp_path / 'run.json')


def test_results_of_another_recipe_are_refused(result):
    result.check_run(RUN)
    other = Run('birds', Method('scm', 'scm_{dataset}.py', {'a': 1}), 26)
    with pytest.raises(
        ValueError, match=r'options: this .* of \{\}, expected'
    ):
        result.check_run(other)


def test_bits():
    bits = np.array([1, 0, 0, 1, 1, 0, 1, 1, 1], bool)
    assert np.array_equal(unpack_bits(pack_bits(bits), 9), bits)
    with pytest.raises(ValueError, match='expected 20 bits, got 2 bytes'):
        unpack_bits(pack_bits(bits), 20)


def test_halves_depend_on_file_names_alone():
    names = [f'{i:03d}.jpg' for i in range(200)]
    half = reported_half(names)
    assert 70 < half.sum() < 130
    assert np.array_equal(half, reported_half([f'a/b/{n}' for n in names]))
    assert digest_of_names(names) == digest_of_names([f'c/{n}' for n in names])
    assert digest_of_names(names) != digest_of_names(names[::-1])
