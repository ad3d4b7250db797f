# Copyright (c) SCM-WSOL contributors. All rights reserved.
import time

import pytest
from mmpretrain.utils import progress

from projects.scm.apis import progress as bar
from projects.scm.apis.progress import with_progress_bar


@pytest.fixture
def screen(monkeypatch) -> None:
    """As if the output could be seen."""
    monkeypatch.setattr(bar, 'draws_bars', lambda console: True)


def slow(number):
    for index in range(number):
        time.sleep(0.15)  # rich's own thread lives for 0.1 s
        yield index


def test_the_bar_moves_and_goes_away(capsys, screen) -> None:
    seen = []
    for _ in with_progress_bar(slow(3), 3):
        [task] = progress.global_progress.tasks
        seen.append((task.completed, task.total))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert '100%' in capsys.readouterr().out
    assert not progress.global_progress.tasks
    assert not progress.global_live.is_started


def test_a_bar_inside_another_keeps_that(capsys, screen) -> None:
    for _ in with_progress_bar(slow(1), 1):
        assert list(with_progress_bar(slow(2), 2)) == [0, 1]
        assert len(progress.global_progress.tasks) == 1
        assert progress.global_live.is_started
    assert not progress.global_live.is_started


def test_it_goes_away_after_an_error_and_a_break(screen) -> None:
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


def test_redirected_output_gets_lines(capsys) -> None:
    assert list(with_progress_bar(iter('abc'), 3)) == ['a', 'b', 'c']
    assert capsys.readouterr().out == 'Inference: 100 % (3 of 3)\n'
