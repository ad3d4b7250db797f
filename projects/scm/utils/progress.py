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

    Rich itself writes where nobody looks once, when all is done. For the
    arguments see :func:`track`.
    """
    last_tenth, last_line_s = 0, time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        tenth = 10 * done // max(total, done)
        late = time.monotonic() - last_line_s >= _BETWEEN_LINES_S
        if tenth > last_tenth and (late or done == total):
            console.file.write(
                f'{description}: {10 * tenth} % ({done} of {total})\n'
            )
            console.file.flush()
            last_tenth, last_line_s = tenth, time.monotonic()
