# Copyright (c) SCM-WSOL contributors. All rights reserved.
from types import SimpleNamespace

import pytest

from projects.scm.engine import ProgressLoggerHook
from projects.scm.utils import progress


@pytest.mark.parametrize('mode', ['val', 'test'])
@pytest.mark.parametrize(
    ('seconds', 'interval', 'batches'),
    [
        (60, 100, [3, 5, 7, 9, 11, 13, 15, 17, 19]),
        (0.5, 100, [4, 8, 12, 16, 20]),  # lines are two seconds apart
        (0, 100, []),
        (0, 8, [8, 16]),  # what was asked for is kept
    ],
)
def test_a_line_every_ten_per_cent(
    monkeypatch, mode, seconds, interval, batches
) -> None:
    count = 21
    done = []
    clock = SimpleNamespace(monotonic=lambda: len(done) * seconds)
    monkeypatch.setattr(progress, 'time', clock)
    lines = []
    runner = SimpleNamespace(
        val_dataloader=range(count if mode == 'val' else 1),
        test_dataloader=range(count if mode == 'test' else 1),
        log_processor=SimpleNamespace(
            get_log_after_iter=lambda _, batch, mode: ({}, (mode, batch + 1))
        ),
        logger=SimpleNamespace(info=lines.append),
    )
    hook = ProgressLoggerHook(interval=interval)
    getattr(hook, f'before_{mode}_epoch')(runner)
    for batch in range(count):
        done.append(batch)
        getattr(hook, f'after_{mode}_iter')(runner, batch, None, None)
    assert lines == [(mode, batch) for batch in batches]
