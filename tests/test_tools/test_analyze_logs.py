# Copyright (c) SCM-WSOL contributors. All rights reserved.
import importlib.util
import json
import runpy
import sys

import pytest


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
    monkeypatch.syspath_prepend(repo / 'tools')
    file = repo / 'tools' / 'analysis_tools' / 'analyze_logs.py'
    spec = importlib.util.spec_from_file_location('analyze_logs', file)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(sys, 'argv', ['tool', 'cal_train_time', str(log)])
    ran = []
    monkeypatch.setattr(
        runpy, 'run_path', lambda *_, **__: ran.append(sys.argv[1:])
    )
    tool.main()
    assert ran == [
        ['cal_train_time', str(log), *['--include-outliers'][: int(added)]]
    ]
