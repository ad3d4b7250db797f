# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json

from projects.scm.reporting.learning import MAX_POINTS, read_learning


def write_run(folder, name, entries, end=''):
    path = folder / name / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    lines = [json.dumps(entry) + '\n' for entry in entries]
    path.write_text(''.join(lines) + end, encoding='utf-8')


def losses(first, last):
    return [{'loss': 1 / s, 'lr': 1, 'step': s} for s in range(first, last)]


def test_parts_of_a_resumed_training_are_joined(tmp_path):
    figure = 'wsol/scm/top1_loc'
    write_run(
        tmp_path, '1', [*losses(1, 5), {figure: 20.0, 'step': 1}], '{"los'
    )
    # the second part repeats a step
    write_run(tmp_path, '2', [*losses(4, 9), {figure: 40.0, 'step': 2}])
    # a test
    write_run(tmp_path, '3', [{figure: 90.0, 'step': 0}])
    found = read_learning(tmp_path)
    assert found.loss == [(step, 1 / step) for step in range(1, 9)]
    assert found.figures == {figure: [(1, 20.0), (2, 40.0)]}


def test_long_trainings_are_thinned(tmp_path):
    write_run(tmp_path, '1', losses(1, 1000))
    found = read_learning(tmp_path)
    assert MAX_POINTS / 2 < len(found.loss) <= MAX_POINTS


def test_no_training_has_no_curves(tmp_path):
    assert read_learning(tmp_path) is None
    write_run(tmp_path, '3', [{'accuracy/top1': 90.0, 'step': 0}])
    assert read_learning(tmp_path) is None
