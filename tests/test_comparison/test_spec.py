# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What a comparison file says."""

import pytest

from projects.scm.comparison.spec import read_comparison

GOOD = """
baseline: a
methods:
  a: {config: 'a_{dataset}.py'}
  b: {config: b.py, options: {model: {head: {x: 1}}}}
datasets: [birds, dogs]
seeds: [3, 1]
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / 'mine.yml'
        path.write_text(text)
        return path

    return write


def test_runs_finish_a_seed_of_all_methods_before_the_next(write):
    comparison = read_comparison(write(GOOD))
    assert comparison.title == 'mine'
    assert comparison.test_epochs == ()
    assert [run.name for run in comparison.runs()][:5] == [
        'birds-a-seed3',
        'birds-b-seed3',
        'birds-a-seed1',
        'birds-b-seed1',
        'dogs-a-seed3',
    ]
    first, second = comparison.runs()[:2]
    assert (first.config, second.config) == ('a_birds.py', 'b.py')
    assert second.method.options == {'model': {'head': {'x': 1}}}
    assert first.checkpoint is None


def test_a_method_without_training_on_one_of_the_sets(write):
    text = GOOD.replace(
        'b.py,', "b.py, checkpoint: '{dataset}.pth', datasets: [dogs],"
    )
    runs = read_comparison(write(text)).runs()
    found = [run.name for run in runs if run.method.name == 'b']
    assert found == ['dogs-b-seed3', 'dogs-b-seed1']
    assert runs[-1].checkpoint == 'dogs.pth'


def test_weights_of_another_method(write):
    text = GOOD.replace('{config: b.py,', '{config: b.py, weights_of: a,')
    runs = read_comparison(write(text)).runs()[:2]
    assert [run.trained for run in runs] == ['birds-a-seed3'] * 2
    assert runs[1].name == 'birds-b-seed3'


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('baseline: a', 'baseline: c', r"baseline: expected one of \['a'"),
        ('seeds', 'seed', r"unknown fields \['seed'\], missing \['seeds'\]"),
        ('[3, 1]', '[3, 3]', 'seeds: expected different int'),
        ('[3, 1]', '[x]', "seeds: expected different int, got .'x'"),
        ('[3, 1]', '3', 'seeds: expected list, got 3'),
        ('[birds, dogs]', '[]', "missing .'datasets'"),
        ('b.py', 'b', r'methods.b.config: expected the name of a config'),
        ("'a_{dataset}.py'", "'{set}.py'", r'methods.a.config: only \{data'),
        ('options', 'option', 'methods.b: expected'),
        (
            '{config: b.py,',
            '{config: b.py, weights_of: b,',
            r"methods.b.weights_of: .* trained, \['a'\], got 'b'",
        ),
        ('{model: {head: {x: 1}}}', '[1]', 'methods.b.options: expected'),
        ('options: {', 'checkpoint: 3, options: {', 'b.checkpoint: expec'),
        ('options: {', "checkpoint: '{x}', options: {", r'b.checkpoint: only'),
        ('options: {', 'datasets: [cats], options: {', 'b.datasets: expected'),
        ('  a:', '  a b:', 'a name is of letters'),
        (GOOD, '- 1', 'expected fields'),
        (GOOD, '{', 'not a YAML file'),
    ],
)
def test_refuses(write, old, new, message):
    path = write(GOOD.replace(old, new))
    with pytest.raises(ValueError, match=message) as caught:
        read_comparison(path)
    assert str(path) in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no.yml: no such file'):
        read_comparison(tmp_path / 'no.yml')


def test_comparisons_of_the_project(repo):
    files = sorted((repo / 'configs' / 'comparisons').glob('*.yml'))
    assert len(files) >= 3
    for file in files:
        for run in read_comparison(file).runs():
            assert (repo / 'configs' / run.config).is_file(), run.name
