# Copyright (c) SCM-WSOL contributors. All rights reserved.
import threading

import pytest

from projects.scm.apis.reading_ahead import read_ahead
from projects.scm.apis.sources import Source

NAMES = 'abcdefgh'


def sources(names=NAMES, broken=''):
    """As ``iterate_sources``: calls what it is given for some of them."""

    def iterate(on_error):
        for name in names:
            if name in broken:
                on_error(Source(name, None), ValueError(f'video {name}'))
            else:
                yield Source(name, None)

    return iterate


def test_order_is_kept_although_a_later_picture_is_ready_first() -> None:
    second_is_read = threading.Event()

    def read(source):
        if source.name == 'a':
            assert second_is_read.wait(60)
        if source.name == 'b':
            second_is_read.set()
        return source.name

    assert ''.join(read_ahead(sources(), read, num_workers=2)) == NAMES


def test_errors_are_told_in_order_and_by_the_caller() -> None:
    told = []

    def on_error(source, error):
        assert threading.current_thread() is threading.main_thread()
        told.append((source.name, str(error), list(found)))

    def read(source):
        if source.name in 'ce':
            raise OSError(f'file {source.name}')
        return source.name

    found = []
    for name in read_ahead(sources(broken='bdh'), read, on_error, 3):
        found.append(name)
    assert told == [
        ('b', 'video b', ['a']),
        ('c', 'file c', ['a']),
        ('d', 'video d', ['a']),
        ('e', 'file e', ['a']),
        ('h', 'video h', ['a', 'f', 'g']),
    ]
    assert found == ['a', 'f', 'g']


@pytest.mark.parametrize('broken', ['', 'c'])
def test_what_comes_before_an_error_is_given(broken) -> None:
    def read(source):
        if source.name == 'c':
            raise ValueError('file c')
        return source.name

    results = read_ahead(sources(broken=broken), read, num_workers=2)
    assert [next(results), next(results)] == ['a', 'b']
    with pytest.raises(ValueError, match='video c' if broken else 'file c'):
        next(results)


def test_no_more_than_a_few_are_read_ahead() -> None:
    read = []
    results = read_ahead(
        sources(), lambda source: read.append(source.name), num_workers=2
    )
    next(results)
    results.close()
    assert set('a') <= set(read) <= set('abcde')
    assert not any(
        thread.name.startswith('ordered_work')
        for thread in threading.enumerate()
    )


def test_faults_are_no_bad_pictures() -> None:
    def read(source):
        raise KeyError(source.name)

    told = []
    with pytest.raises(KeyError):
        list(read_ahead(sources(), read, lambda *_: told.append(1)))
    assert not told
