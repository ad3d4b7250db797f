# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The benchmarks run, compare what they say, and write what they print."""

import importlib
import json
import sys

import pytest
import torch

TINY = ['--arch', 'deit-tiny', '--img-size', '32', '--classes', '9']


@pytest.fixture
def benchmark(repo, tmp_path, monkeypatch, capsys):
    """Run a benchmark; gives what it printed and its record."""
    monkeypatch.syspath_prepend(str(repo / 'tools' / 'benchmarks'))
    threads = torch.get_num_threads()

    def run(name, *arguments):
        out = tmp_path / 'figures' / f'{name}.json'
        short = ['--threads', '1', '--repeats', '2', '--warmup', '1']
        command = [name, *short, *arguments, '--out', str(out)]
        monkeypatch.setattr(sys, 'argv', command)
        importlib.import_module(name).main()
        assert list(out.parent.iterdir()) == [out]
        record = json.loads(out.read_text())
        assert record['benchmark'] == name
        assert record['machine']['torch'] == torch.__version__
        return capsys.readouterr().out, record

    yield run
    torch.set_num_threads(threads)


def check_ratios(case, baseline):
    """Every contestant has times, compared with the baseline's."""
    assert case['results'][baseline]['wall_ratio'] == 1
    for result in case['results'].values():
        assert result['wall_ms'] > 0
        assert result['wall_ratio'] > 0
        assert result['cpu_ratio'] > 0


def test_calibration(benchmark, tmp_path):
    printed, record = benchmark(
        *['calibration', '--batch-size', '1', '2', '--classes', '5'],
        *['--grid', '5', '--accuracy', '--seeds', '2', '--no-memory'],
        *['--plot', str(tmp_path / 'drawn')],
    )
    assert [c['case']['batch_size'] for c in record['cases']] == [1, 2]
    for case in record['cases']:
        check_ratios(case, 'this project')
    # The literal form in float64 is the same function.
    agreement = [
        row['median']
        for row in record['accuracy']
        if row['name'] == 'literal, fp64' and row['maps'] == 'smooth'
    ]
    assert len(agreement) == 4
    assert max(agreement) < 1e-9
    assert 'literal, fp64' in printed
    assert (tmp_path / 'drawn' / 'performance_calibration.svg').is_file()


@pytest.mark.slow
def test_peak_memory(benchmark):
    printed, record = benchmark(
        *['calibration', '--batch-size', '2', '--classes', '5'],
        *['--grid', '14'],
    )
    (case,) = record['cases']
    ours, literal = (r['peak_mib'] for r in case['results'].values())
    # Twelve to 48 matrices of 196 x 196 numbers for each of two images.
    assert 0 < ours['tensors'] < literal['tensors'] / 3
    assert literal['tensors'] > 48 * 2 * 196**2 * 4 / 2**20
    assert 'tensors_ratio' in printed


def test_train_step(benchmark):
    printed, record = benchmark(
        *['train_step', *TINY, '--img-size', '64', '--classes', '200'],
        *['--batch-size', '2', '--literal', '--no-memory'],
    )
    (case,) = record['cases']
    check_ratios(case, 'classifier')
    work = {name: r['gflop'] for name, r in case['results'].items()}
    assert list(work) == ['classifier', 'TS-CAM', 'SCM', 'SCM, literal']
    # TS-CAM needs no semantic map to train on, SCM does.
    assert 0 < work['classifier'] <= work['TS-CAM'] < work['SCM']
    assert 'SCM, literal' in printed


@pytest.mark.long
@pytest.mark.slow
def test_inference(benchmark, tmp_path, monkeypatch, capsys):
    printed, record = benchmark(
        *['inference', *TINY, '--batch-size', '1', '2', '--no-memory'],
        *['--plot', str(tmp_path / 'drawn')],
    )
    for case in record['cases']:
        check_ratios(case, 'classifier')
    assert printed.count('SCM, maps and boxes') == 2
    assert (tmp_path / 'drawn' / 'performance_inference.svg').is_file()

    # The same table from the file, without measuring.
    file = tmp_path / 'figures' / 'inference.json'
    monkeypatch.setattr(sys, 'argv', ['inference', '--from', str(file)])
    importlib.import_module('inference').main()
    assert capsys.readouterr().out == printed


@pytest.fixture
def measuring(repo, monkeypatch):
    monkeypatch.syspath_prepend(str(repo / 'tools' / 'benchmarks'))
    import measuring

    return measuring


def test_a_ratio_is_the_median_of_those_within_rounds(measuring):
    times = {
        'base': dict(wall=[1.0, 10.0, 2.0], cpu=[1.0, 1.0, 1.0]),
        'other': dict(wall=[2.0, 10.0, 6.0], cpu=[1.5, 1.5, 3.0]),
    }
    other = measuring.summarise(times, 'base')['other']
    assert other['wall_ms'] == 6000
    assert other['wall_ratio'] == 2.0  # of 2, 1 and 3; not 6 / 2
    assert other['cpu_ratio'] == 1.5
    assert other['wall_ratio_quartiles'] == [1.5, 2.5]


def test_contestants_take_turns(measuring):
    order = []
    measuring.time_in_turns(
        {name: lambda name=name: order.append(name) for name in 'ab'},
        repeats=2,
        warmup=1,
        device='cpu',
    )
    assert ''.join(order) == 'ababab'
