# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Style is part of the tests; the settings are in pyproject.toml."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
HEAD = '# Copyright (c) SCM-WSOL contributors. All rights reserved.'


@pytest.mark.parametrize(
    'command',
    [
        ('ruff', 'check', '.'),
        ('ruff', 'format', '--check', '.'),
        ('codespell_lib', '.'),
    ],
    ids=lambda command: ' '.join(command[:2]),
)
def test_style(command) -> None:
    done = subprocess.run(
        [sys.executable, '-m', *command],
        cwd=REPO,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout


def sources(suffix: str) -> list[Path]:
    """Files of the checkout, without environments, data and results."""
    folders = ('configs', 'docs', 'projects', 'tests', 'tools')
    found = [f for name in folders for f in (REPO / name).rglob(f'*{suffix}')]
    return [file for file in found if '.mim' not in file.parts]


def test_every_python_file_names_the_holders() -> None:
    files = [REPO / 'setup.py', *sources('.py')]
    files = [f for f in files if REPO / 'configs' not in f.parents]
    assert len(files) > 20
    without = [f for f in files if f.read_text().partition('\n')[0] != HEAD]
    assert not without


@pytest.mark.skipif(shutil.which('bash') is None, reason='needs bash')
def test_shell_scripts_parse() -> None:
    for script in sources('.sh'):
        subprocess.run(['bash', '-n', script], check=True)


def test_no_regular_package_projects() -> None:
    """An ``__init__.py`` there would hide the projects of others."""
    assert not (REPO / 'projects' / '__init__.py').exists()
