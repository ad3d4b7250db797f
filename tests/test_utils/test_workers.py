# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Work in threads keeps its order, its bounds and its errors."""

import threading
from itertools import count

import pytest

from projects.scm.utils.workers import (
    OrderedWork,
    default_workers,
    ordered_map,
)


def ordered_threads():
    return [t for t in threading.enumerate() if 'ordered_work' in t.name]


def test_results_come_in_the_order_of_the_calls():
    """The first call ends last."""
    work, gate = OrderedWork(2), threading.Event()
    work.submit(gate.wait, 30)
    work.submit(gate.set)
    assert list(work.results()) == [True, None]
    assert not ordered_threads()


def test_only_what_is_too_much_is_waited_for():
    work, gate = OrderedWork(1), threading.Event()
    work.submit(str, 1)
    work.submit(gate.wait, 30)
    work.submit(str, 2)
    assert list(work.results(most_waiting=2)) == ['1']
    gate.set()
    assert list(work.results()) == [True, '2']


def test_an_error_is_raised_in_its_place_and_ends_the_threads():
    work = OrderedWork(1)
    for number in (1, 0, 2):
        work.submit(divmod, 1, number)
    results = work.results()
    assert next(results) == (1, 0)
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not ordered_threads()
    assert list(work.results()) == []
    work.submit(str, 3)
    assert list(work.results()) == ['3']


def test_map():
    assert list(ordered_map(str, range(50))) == [str(n) for n in range(50)]
    taken = []
    endless = ordered_map(str, (taken.append(n) or n for n in count()))
    assert next(endless) == '0'
    endless.close()
    assert len(taken) <= 2 * default_workers() + 1
    assert not ordered_threads()

    def broken():
        yield 1
        raise KeyError('no more')

    with pytest.raises(KeyError, match='no more'):
        list(ordered_map(str, broken()))
    assert not ordered_threads()


def test_default_workers():
    assert default_workers() in range(1, 5)
