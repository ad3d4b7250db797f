# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Progress of long work: a bar on a screen, lines in a file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import rich
import rich.progress
from rich.console import Console

#: Shortest time from one line to the next, in seconds, but for the last one.
_BETWEEN_LINES_S = 2.0


def draws_bars(console: Console) -> bool:
    """Whether a bar that moves can be seen there."""
    return console.is_terminal or console.is_jupyter


def track(
    items: Iterable,
    description: str,
    total: int | None = None,
    console: Console | None = None,
) -> Iterator[Any]:
    """Rich's ``track``, in lines where the output is redirected.

    Args:
        items (Iterable): Anything.
        description (str): What is done with them.
        total (int, optional): How many they are. Defaults to None, their
            length.
        console (Console, optional): Where to. Defaults to None, the output.

    Yields:
        Any: The items.
    """
    console = console or rich.get_console()
    if draws_bars(console):
        yield from rich.progress.track(
            items, description, total, console=console
        )
    else:
        total = len(items) if total is None else total
        yield from in_lines(items, description, total, console)


def in_lines(
    items: Iterable, description: str, total: int, console: Console
) -> Iterator[Any]:
    """Write a line every ten per cent; short work has fewer.

    Rich itself writes where nobody looks once, when all is done.

    Args:
        items (Iterable): Anything.
        description (str): What is done with them.
        total (int): How many they are.
        console (Console): Where to.

    Yields:
        Any: The items.
    """
    tenths = Tenths(total)
    for done, item in enumerate(items, start=1):
        yield item
        per_cent = tenths.passed(done)
        if per_cent:
            console.file.write(
                f'{description}: {per_cent} % ({done} of {total})\n'
            )
            console.file.flush()


class Tenths:
    """Tells when the next tenth of some work is done, for a line about it.

    Lines are two seconds apart at least, but for the one at the end.

    Args:
        total (int): How much there is to do.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._last_tenth, self._last_line_s = 0, time.monotonic()

    def passed(self, done: int) -> int:
        """Per cent that are done, in tens, where a line is due; 0 elsewhere.

        Args:
            done (int): How much of it is done.

        Returns:
            int: 0, or 10 to 100.
        """
        tenth = 10 * done // max(self._total, done)
        now_s = time.monotonic()
        late = now_s - self._last_line_s >= _BETWEEN_LINES_S
        if tenth == self._last_tenth or not (late or done == self._total):
            return 0
        self._last_tenth, self._last_line_s = tenth, now_s
        return 10 * tenth
