# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The installer, with a Python that only writes down what it is told."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FAKE_PYTHON = """#!/bin/sh
echo "$@" >>"{log}"
case "$*" in *"$FAIL_AT"*) [ -z "$FAIL_AT" ] || exit 1 ;; esac
"""


def write_program(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


@pytest.fixture
def checkout(repo: Path, tmp_path: Path) -> Path:
    """The files that the installer reads, with a virtual environment."""
    root = tmp_path / 'check out'
    shutil.copytree(repo / 'requirements', root / 'requirements')
    (root / 'tools').mkdir()
    shutil.copy(repo / 'tools' / 'setup_env.sh', root / 'tools')
    shutil.copy(repo / 'setup.py', root)
    write_program(
        root / '.venv' / 'bin' / 'python',
        FAKE_PYTHON.format(log=root / 'log'),
    )
    (root / '.venv' / 'pyvenv.cfg').touch()
    return root


def setup(
    root: Path, *args: str, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ['bash', str(root / 'tools' / 'setup_env.sh'), *args],
        cwd='/',
        env={**os.environ, 'FAIL_AT': '', **env},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def installs(root: Path) -> list[str]:
    """What pip was asked to install, in order."""
    lines = (root / 'log').read_text().splitlines()
    start = (
        '-m pip install --disable-pip-version-check '
        '--constraint requirements/constraints.txt '
    )
    return [line[len(start) :] for line in lines if line.startswith(start)]


def test_order_of_installation_and_a_second_run(checkout) -> None:
    done = setup(checkout)
    assert done.returncode == 0, done.stdout
    got = installs(checkout)
    assert [line.split()[-1] for line in got] == [
        'torch',
        'torchvision',
        'onedl-mmcv',
        'requirements/timm.txt',
        'requirements/mmdet.txt',
        '.',
    ]
    assert got[1].startswith('--no-deps')
    # without torch in sight, mmcv compiles nothing
    assert '--no-build-isolation' not in got[2]
    assert '--no-build-isolation' in got[3]
    assert got[4].startswith('--no-deps')

    # nothing is left to do, and not even pip is asked
    (checkout / 'log').write_text('')
    done = setup(checkout)
    assert done.returncode == 0
    assert 'complete' in done.stdout
    assert installs(checkout) == []

    # until other versions are asked for
    with (checkout / 'requirements' / 'constraints.txt').open('a') as file:
        file.write('x==1\n')
    setup(checkout)
    assert len(installs(checkout)) == 6


def test_interrupted_run_is_taken_up(checkout) -> None:
    done = setup(checkout, FAIL_AT='onedl-mmcv')
    assert done.returncode != 0
    assert len(installs(checkout)) == 3
    done = setup(checkout)
    assert done.returncode == 0
    assert len(installs(checkout)) == 3 + 6


def test_failed_check_leaves_the_environment_incomplete(checkout) -> None:
    assert setup(checkout, FAIL_AT='import projects.scm').returncode != 0
    (checkout / 'log').write_text('')
    assert setup(checkout).returncode == 0
    assert len(installs(checkout)) == 6


def test_failed_change_is_not_complete_when_taken_back(checkout) -> None:
    """What was installed before it failed is not what was there before."""
    assert setup(checkout).returncode == 0
    assert setup(checkout, '--with-ops', FAIL_AT='tests.txt').returncode != 0
    assert 'complete' not in setup(checkout).stdout


def test_compiled_operators_are_an_option(checkout) -> None:
    assert setup(checkout, '--with-ops').returncode == 0
    assert '--no-build-isolation --no-cache-dir onedl-mmcv' in (
        installs(checkout)
    )
    # another choice, another environment
    (checkout / 'log').write_text('')
    assert setup(checkout).returncode == 0
    assert len(installs(checkout)) == 6


def test_relative_place_is_that_of_the_caller(checkout) -> None:
    shutil.move(checkout / '.venv', checkout / 'other')
    relative = os.path.relpath(checkout / 'other', '/')
    done = setup(checkout, '--venv', relative)
    assert done.returncode == 0, done.stdout
    assert (checkout / 'other' / 'scm-wsol-installed').is_file()


def test_unsuitable_pythons_are_refused(checkout, tmp_path) -> None:
    shutil.rmtree(checkout / '.venv')
    old = '#!/bin/sh\necho Python 3.9.1\nexit 1\n'
    for name in (
        'python',
        'python3',
        *(f'python3.{n}' for n in (10, 11, 12, 13)),
    ):
        write_program(tmp_path / 'bin' / name, old)
    path = f'{tmp_path / "bin"}:{os.environ["PATH"]}'
    done = setup(checkout, PATH=path)
    assert done.returncode == 1
    assert 'Python 3.10 to 3.13 is needed' in done.stdout
    assert 'Python 3.9.1' in done.stdout
    done = setup(checkout, '--python', str(tmp_path / 'bin' / 'python3'))
    assert done.returncode == 1
    assert 'not a Python 3.10 to 3.13' in done.stdout
    assert not (checkout / '.venv').exists()


def test_a_folder_with_other_files_is_left_alone(checkout, tmp_path) -> None:
    folder = tmp_path / 'mine'
    folder.mkdir()
    (folder / 'thesis.txt').touch()
    done = setup(checkout, '--venv', str(folder))
    assert done.returncode == 1
    assert 'not empty and no virtual environment' in done.stdout
    assert (folder / 'thesis.txt').is_file()


def test_unknown_argument(checkout) -> None:
    done = setup(checkout, '--vnev', 'x')
    assert done.returncode == 1
    assert 'unknown argument: --vnev' in done.stdout
    assert setup(checkout, '--help').stdout.startswith('Usage')
