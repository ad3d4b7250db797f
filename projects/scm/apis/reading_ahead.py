# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pictures are read in threads while the model works."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TypeVar

from projects.scm.utils.workers import ordered_map

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
    failed: list[tuple[Source, Exception]] = []

    def tasks() -> Iterator[tuple[Source, Exception | None]]:
        """Sources, and in their place those that cannot be opened."""
        for source in iterate(lambda *failure: failed.append(failure)):
            yield from failed
            failed.clear()
            yield source, None
        yield from failed

    def attempt(
        task: tuple[Source, Exception | None],
    ) -> tuple[Source, Exception | None, Read | None]:
        source, error = task
        if error is None:
            try:
                return source, None, read(source)
            except (OSError, ValueError) as own:
                error = own
        return source, error, None

    with closing(ordered_map(attempt, tasks(), num_workers)) as attempts:
        for source, error, result in attempts:
            if error is None:
                yield result
            elif on_error is None:
                raise error
            else:
                on_error(source, error)
