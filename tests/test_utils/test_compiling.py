# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Compiled functions: with a cache, without one, and what is said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Two functions in two files whose folders cannot be made.
TWO_FUNCTIONS = """
from projects.scm.utils.compiling import njit
names = {{'__name__': 'projects.scm.of_a_test'}}
for name, sign in (('more', '+'), ('less', '-')):
    source = f'def {{name}}(x): return x {{sign}} 1'
    exec(compile(source, f'{folder}/{{name}}/f.py', 'exec'), names)
more = njit(cache=True, nogil=True)(names['more'])
less = njit(cache=True, nogil=True)(names['less'])
print(more(1), less(1), more(2.5))
"""


FILE = """
from projects.scm.utils.compiling import njit

@njit(cache=True, nogil=True)
def more(x): return x + 1

@njit(cache=True, nogil=True)
def less(x): return x - 1
"""
IMPORT_FILE = """
import projects.scm
projects.scm.__path__.append({folder!r})
from projects.scm.of_a_test import less, more
print(more(1), less(1), more(2.5))
"""


CALLER = """
from projects.scm.of_a_test import more
from projects.scm.utils.compiling import njit

@njit(cache=True, nogil=True)
def twice_more(x): return more(more(x))
"""
IMPORT_CALLER = """
import projects.scm
projects.scm.__path__.append({folder!r})
from projects.scm.its_caller import twice_more
print(twice_more(1))
"""


def run(
    code: str, repo: Path, prints: str = '2 0 3.5', **env: str
) -> list[str]:
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=repo,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f'{prints}\n'
    return done.stderr.splitlines()


@pytest.mark.skipif(
    not Path('/proc/self').is_dir(), reason='no folder that nobody may fill'
)
def test_no_place_for_a_cache(repo) -> None:
    """Package read-only, home not writable: it works, and is said once."""
    nowhere = '/proc/nowhere'
    env = {'HOME': nowhere, 'XDG_CACHE_HOME': nowhere, 'NUMBA_CACHE_DIR': ''}
    code = TWO_FUNCTIONS.format(folder=nowhere)
    said = run(code, repo, **env)
    assert len(said) == 2, said
    assert said[0].startswith('No folder for compiled functions')
    assert str(repo / 'projects') in said[0]
    assert said[1].startswith('Compiling')


def test_compiling_is_said_once(repo, tmp_path) -> None:
    """And not at all by the next process, which finds it done."""
    (tmp_path / 'of_a_test.py').write_text(FILE)
    code = IMPORT_FILE.format(folder=str(tmp_path))
    env = {'NUMBA_CACHE_DIR': str(tmp_path / 'cache')}
    assert run(code, repo, **env) == ['Compiling, once (up to minutes)']
    assert run(code, repo, **env) == []


def test_a_change_in_another_file_is_compiled(repo, tmp_path) -> None:
    """What a function calls is part of its cached code."""
    called = tmp_path / 'of_a_test.py'
    called.write_text(FILE)
    (tmp_path / 'its_caller.py').write_text(CALLER)
    code = IMPORT_CALLER.format(folder=str(tmp_path))
    env = {'NUMBA_CACHE_DIR': str(tmp_path / 'cache')}
    assert run(code, repo, '3', **env) == ['Compiling, once (up to minutes)']
    assert run(code, repo, '3', **env) == []
    called.write_text(FILE.replace('x + 1', 'x + 10'))
    assert run(code, repo, '21', **env) == ['Compiling, once (up to minutes)']
    assert run(code, repo, '21', **env) == []


def test_every_compiled_function_goes_this_way(repo) -> None:
    for file in (repo / 'projects').rglob('*.py'):
        if file.name != 'compiling.py':
            text = file.read_text(encoding='utf-8')
            assert 'from numba import' not in text, file
            assert 'numba.njit' not in text, file


def test_functions_without_a_module_compile() -> None:
    """As those of ``exec``, which somebody else compiles beside ours."""
    import numba

    from projects.scm.utils.compiling import say_when_compiling

    say_when_compiling()
    names: dict = {}
    exec('def more(x): return x + 1', names)
    names['more'].__module__ = None
    assert numba.njit(names['more'])(1) == 2
