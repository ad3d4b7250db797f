# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Whether checkpoints may run code when they are read."""

from collections.abc import Iterator
from contextlib import contextmanager

TRUST_HELP = (
    'read checkpoints that hold more than weights and plain data; this can '
    'run any code in them'
)
"""What ``--trust`` is for, in every tool."""

_trust = False


@contextmanager
def trusted(trust: bool = True) -> Iterator[None]:
    """Let checkpoints that are read within run code.

    Args:
        trust (bool): What the user said. Defaults to True.
    """
    global _trust
    before, _trust = _trust, trust
    try:
        yield
    finally:
        _trust = before


def is_trusted() -> bool:
    """Whether this is within :func:`trusted`."""
    return _trust
