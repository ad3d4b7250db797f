# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""numba's ``njit`` with three adaptations.

* What is cached is compiled again when the source of a function that it calls
  has changed, in another file, too: numba looks at the file of the function
  alone, and what it calls is part of the compiled code.
* It works without a cache where there is no place for one: the package is
  read-only and so is the home folder, as in many containers.
* What takes long is said: that there is no cache, and that functions are
  compiled.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import event
from numba.core.dispatcher import Dispatcher

_PACKAGE = __name__.partition('.utils')[0]
_logger = logging.getLogger(_PACKAGE)
#: By file with compiled functions, all files that these are made from.
_sources: dict[str, set[str]] = {}


def njit(**options: Any) -> Callable[[Callable], Callable]:
    """Decorator that compiles a function when it is first called.

    Args:
        **options: Those of ``numba.njit``. ``cache=True`` is left out where
            numba finds no folder to write to.
    """

    def decorate(function: Callable) -> Callable:
        say_when_compiling()
        sources = _sources_of(function)
        try:
            compiled = numba.njit(**options)(function)
            if options.get('cache'):
                _stamp(compiled, sources)
            return compiled
        except RuntimeError as error:
            if not options.get('cache') or 'cannot cache' not in str(error):
                raise
        say_without_cache()
        return numba.njit(**{**options, 'cache': False})(function)

    return decorate


def _sources_of(function: Callable) -> set[str]:
    """Its file, and those of compiled functions that its module imports.

    Imports come first in a module: they have been decorated already.
    """
    file = function.__code__.co_filename
    found = _sources.setdefault(file, {file})
    for value in function.__globals__.values():
        if isinstance(value, Dispatcher):
            found |= _sources.get(value.py_func.__code__.co_filename, set())
    return found


def _stamp(compiled: Dispatcher, sources: set[str]) -> None:
    """Let the cache of a function depend on all its sources.

    The place is not a public one. Where a version of numba has another,
    numba's own rule stays.
    """
    stamps = []
    for source in sorted(sources):
        try:
            about = Path(source).stat()
        except OSError:  # in an archive, which replaces all files at once
            continue
        stamps.append((Path(source).name, about.st_mtime_ns, about.st_size))
    with suppress(AttributeError):
        file = compiled._cache._cache_file
        file._source_stamp = (file._source_stamp, *stamps)


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
