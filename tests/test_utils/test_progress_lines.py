# Copyright (c) SCM-WSOL contributors. All rights reserved.
import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from projects.scm.utils import progress


@pytest.mark.parametrize(
    ('seconds', 'said'),
    [
        (2, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]),
        # of an item; a line every two seconds at most, and the last
        (0.5, [20, 40, 60, 80, 100]),
        (0, [100]),
    ],
)
def test_redirected_output_gets_a_line_every_ten_per_cent(
    monkeypatch, seconds, said
) -> None:
    done = []
    clock = SimpleNamespace(monotonic=lambda: len(done) * seconds)
    monkeypatch.setattr(progress, 'time', clock)
    console = Console(file=io.StringIO())
    for item in progress.track(range(20), 'Work', console=console):
        done.append(item)
    assert done == [*range(20)]
    assert console.file.getvalue().splitlines() == [
        f'Work: {share} % ({share // 5} of 20)' for share in said
    ]


def test_a_screen_gets_a_bar() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    assert list(progress.track('ab', 'Work', console=console)) == ['a', 'b']
    assert '100%' in console.file.getvalue()
    assert ' of ' not in console.file.getvalue()


def test_nothing_to_do_says_nothing() -> None:
    console = Console(file=io.StringIO())
    assert list(progress.track([], 'Work', console=console)) == []
    assert console.file.getvalue() == ''
