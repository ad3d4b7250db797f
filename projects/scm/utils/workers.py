# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Work in threads whose results keep their order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')

MAX_WORKERS = 4
"""Threads that are started where nobody says how many."""


def default_workers() -> int:
    """One thread a core this process may use, at most ``MAX_WORKERS``."""
    if hasattr(os, 'sched_getaffinity'):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return min(MAX_WORKERS, cores)


class OrderedWork(Generic[Result]):
    """Calls that run in threads, and their results in the order of the calls.

    Args:
        num_workers (int): Threads. They are started with the first call.
    """

    def __init__(self, num_workers: int) -> None:
        self.num_workers = num_workers
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: deque[Future[Result]] = deque()

    def submit(self, function: Callable[..., Result], *args: Any) -> None:
        """Have it called with these arguments soon."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.num_workers, 'ordered_work')
        self._waiting.append(self._pool.submit(function, *args))

    def results(self, most_waiting: int = 0) -> Iterator[Result]:
        """Take the oldest results, and wait for them.

        Args:
            most_waiting (int): How many calls are left, finished or not.
                Defaults to 0, which ends the threads as well.

        Yields:
            Result: The next one. What a call raised is raised in its place,
            and all calls behind it are given up.
        """
        try:
            while len(self._waiting) > most_waiting:
                yield self._waiting.popleft().result()
        except BaseException:
            self.close()
            raise
        if not most_waiting:
            self.close()

    def close(self) -> None:
        """Give up what was not begun, and end the threads."""
        for future in self._waiting:
            future.cancel()
        self._waiting.clear()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    num_workers: int | None = None,
) -> Iterator[Result]:
    """``map(function, items)`` in threads.

    At most ``2 * num_workers`` calls wait, so that memory stays bounded.

    Args:
        function (Callable): Called in several threads at a time.
        items (Iterable): Few of them are taken before they are needed.
        num_workers (int, optional): Threads. Defaults to None:
            :func:`default_workers`.

    Yields:
        Result: In the order of the items.
    """
    work: OrderedWork[Result] = OrderedWork(num_workers or default_workers())
    most_waiting = 2 * work.num_workers - 1
    try:
        for item in items:
            work.submit(function, item)
            yield from work.results(most_waiting)
        yield from work.results()
    finally:
        work.close()
