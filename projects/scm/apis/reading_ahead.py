# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pictures are read in threads while the model works."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from .sources import OnError, Source

Read = TypeVar('Read')


def read_ahead(
    iterate: Callable[[OnError], Iterator[Source]],
    read: Callable[[Source], Read],
    on_error: OnError | None = None,
    num_workers: int = 1,
) -> Iterator[Read]:
    """Read pictures in threads; results and errors keep their order.

    At most ``2 * num_workers`` pictures wait, so that memory stays bounded.

    Args:
        iterate (Callable): Gives the sources, and calls what it is given
            for those that it cannot open, as
            :func:`~projects.scm.apis.sources.iterate_sources` does.
        read (Callable): Called in a thread, for several sources at a time.
        on_error (Callable, optional): Called, in the thread that asks for
            results, instead of an ``OSError`` or ``ValueError``. Defaults to
            None, which raises.
        num_workers (int): Threads. Defaults to 1.

    Yields:
        Read: What ``read`` returned.
    """
    waiting: deque[tuple[Source, Future]] = deque()

    def fail_later(source: Source, error: Exception) -> None:
        future: Future = Future()
        future.set_exception(error)
        waiting.append((source, future))

    sources = iterate(fail_later)
    with ThreadPoolExecutor(num_workers, 'read_ahead') as pool:
        try:
            source = next(sources, None)
            while source is not None or waiting:
                if source is not None and len(waiting) < 2 * num_workers:
                    waiting.append((source, pool.submit(read, source)))
                    source = next(sources, None)
                    continue
                own, future = waiting.popleft()
                try:
                    result = future.result()
                except (OSError, ValueError) as error:
                    if on_error is None:
                        raise
                    on_error(own, error)
                else:
                    yield result
        finally:
            for _, future in waiting:
                future.cancel()
