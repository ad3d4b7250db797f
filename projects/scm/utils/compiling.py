# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""numba's ``njit`` with two adaptations.

* It works without a cache where there is no place for one: the package is
  read-only and so is the home folder, as in many containers.
* What takes long is said: that there is no cache, and that functions are
  compiled.
"""

import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import event

_PACKAGE = __name__.partition('.utils')[0]
_logger = logging.getLogger(_PACKAGE)


def njit(**options: Any) -> Callable[[Callable], Callable]:
    """Decorator that compiles a function when it is first called.

    Args:
        **options: Those of ``numba.njit``. ``cache=True`` is left out where
            numba finds no folder to write to.
    """

    def decorate(function: Callable) -> Callable:
        say_when_compiling()
        try:
            return numba.njit(**options)(function)
        except RuntimeError as error:
            if not options.get('cache') or 'cannot cache' not in str(error):
                raise
        say_without_cache()
        return numba.njit(**{**options, 'cache': False})(function)

    return decorate


@cache
def _say_once(message: str) -> None:
    _logger.warning(message)


def say_without_cache() -> None:
    """Say once that every process has to compile."""
    _say_once(
        'No folder for compiled functions: neither the package, '
        f'{Path(__file__).parents[1]}, nor the home folder can be written '
        'to. Every process compiles them again. NUMBA_CACHE_DIR names '
        'another folder.'
    )


class _CompilationListener(event.Listener):
    def on_start(self, event: event.Event) -> None:
        """Say it, unless the function is none of ours."""
        function = event.data['dispatcher'].py_func
        # Somebody's function may have none, in a notebook for instance.
        if (function.__module__ or '').startswith(f'{_PACKAGE}.'):
            _say_once('Compiling, once (up to minutes)')

    def on_end(self, event: event.Event) -> None:
        """Nothing to say."""


@cache
def say_when_compiling() -> None:
    """Say once per process when a function of this package is compiled."""
    event.register('numba:compile', _CompilationListener())
