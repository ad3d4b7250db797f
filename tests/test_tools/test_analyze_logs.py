# Copyright (c) SCM-WSOL contributors. All rights reserved.
import importlib.util
import json
import runpy
import sys

import pytest


def load_tool(repo, monkeypatch):
    monkeypatch.syspath_prepend(repo / 'tools')
    file = repo / 'tools' / 'analysis_tools' / 'analyze_logs.py'
    spec = importlib.util.spec_from_file_location('analyze_logs', file)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


@pytest.mark.parametrize(('lines', 'added'), [(1, True), (2, False)])
def test_a_mean_of_nothing_is_not_taken(
    repo, tmp_path, monkeypatch, lines, added
) -> None:
    """mmpretrain leaves the first line of every epoch out."""
    log = tmp_path / 'scalars.json'
    entries = [
        dict(lr=0.1, epoch=epoch, step=step, time=1.0)
        for epoch in (1, 2)
        for step in range(lines)
    ]
    validation = {'wsol/scm/top1_loc': 1.0, 'step': 2}
    log.write_text('\n'.join(map(json.dumps, [*entries, validation])))
    tool = load_tool(repo, monkeypatch)
    monkeypatch.setattr(sys, 'argv', ['tool', 'cal_train_time', str(log)])
    ran = []
    monkeypatch.setattr(
        runpy, 'run_path', lambda *_, **__: ran.append(sys.argv[1:])
    )
    tool.main()
    assert ran == [
        ['cal_train_time', str(log), *['--include-outliers'][: int(added)]]
    ]


def test_resumed_runs_are_one_curve_and_one_validation_is_drawn(
    repo, tmp_path, monkeypatch
) -> None:
    import matplotlib as mpl

    mpl.use('Agg')
    from matplotlib import pyplot as plt

    def write(run, time, entries):
        log = tmp_path / run / time / 'vis_data' / f'{time}.json'
        log.parent.mkdir(parents=True)
        log.write_text('\n'.join(map(json.dumps, entries)))
        return str(log)

    def step(number, loss):
        return dict(lr=0.1, epoch=number, step=number, loss=loss, time=1.0)

    logs = [
        # given in the wrong order; step 2 was trained twice
        write('scm', '20260102', [step(2, 5.0), step(3, 4.0)]),
        write(
            'scm', '20260101', [step(1, 9.0), step(2, 8.0), dict(a=7, step=1)]
        ),
        write('tscam', '20260101', [step(1, 3.0), dict(a=6, step=1)]),
    ]
    tool = load_tool(repo, monkeypatch)

    def draw(key):
        plt.close('all')
        out = str(tmp_path / f'{key}.png')
        argv = ['tool', 'plot_curve', *logs, '--keys', key, '--out', out]
        monkeypatch.setattr(sys, 'argv', argv)
        # the tool clears the figure once it is written
        monkeypatch.setattr(plt, 'cla', lambda: None)
        with mpl.rc_context():
            tool.main()
        return {
            line.get_label(): (line.get_ydata().tolist(), line.get_marker())
            for line in plt.gca().get_lines()
        }

    assert draw('loss') == {
        'scm_loss': ([9.0, 5.0, 4.0], 'o'),
        'tscam_loss': ([3.0], 'o'),
    }
    assert draw('a') == {'scm_a': ([7], 'o'), 'tscam_a': ([6], 'o')}
    plt.close('all')
