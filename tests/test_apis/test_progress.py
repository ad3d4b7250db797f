# Copyright (c) SCM-WSOL contributors. All rights reserved.
import time

import pytest
from mmpretrain.utils import progress

from projects.scm.apis.progress import with_progress_bar


def slow(number):
    for index in range(number):
        time.sleep(0.15)  # rich's own thread lives for 0.1 s
        yield index


def test_the_bar_moves_and_goes_away(capsys) -> None:
    seen = []
    for _ in with_progress_bar(slow(3), 3):
        [task] = progress.global_progress.tasks
        seen.append((task.completed, task.total))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert '100%' in capsys.readouterr().out
    assert not progress.global_progress.tasks
    assert not progress.global_live.is_started


def test_a_bar_inside_another_keeps_that(capsys) -> None:
    for _ in with_progress_bar(slow(1), 1):
        assert list(with_progress_bar(slow(2), 2)) == [0, 1]
        assert len(progress.global_progress.tasks) == 1
        assert progress.global_live.is_started
    assert not progress.global_live.is_started


def test_it_goes_away_after_an_error_and_a_break() -> None:
    def broken():
        yield 0
        raise KeyError

    with pytest.raises(KeyError):
        list(with_progress_bar(broken(), 5))
    assert not progress.global_live.is_started
    results = with_progress_bar(slow(9), 9)
    next(results)
    results.close()
    assert not progress.global_live.is_started
    assert not progress.global_progress.tasks


def test_it_can_be_switched_off(monkeypatch) -> None:
    monkeypatch.setattr(progress, 'disable_progress_bar', True)
    for _ in with_progress_bar(slow(1), 1):
        assert not progress.global_progress.tasks
