# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The order of the quickstart and what it skips, with a Python that plays.

The real steps are run in the tests of the tools they call.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

#: Writes down its arguments, and makes the results that the tools would make.
FAKE_PYTHON = """#!/bin/sh
echo "$@" >>log
[ "$1" != "$FAIL_AT" ] || exit 1
for argument in "$@"; do
    [ "$last" != --out ] || { mkdir -p "${argument%/*}"; touch "$argument"; }
    [ "$1" != tools/train.py ] || [ "$last" != --work-dir ] ||
        echo "$argument/epoch_1.pth" >"$argument/last_checkpoint"
    last=$argument
done
"""
STEPS = [
    'tools/demo/make_dataset.py',
    'tools/train.py',
    'tools/test.py',
    'tools/analysis_tools/report.py',
]


@pytest.fixture
def checkout(repo: Path, tmp_path: Path) -> Path:
    root = tmp_path / 'check out'
    shutil.copytree(repo / 'requirements', root / 'requirements')
    (root / 'tools').mkdir()
    for name in ('setup_env.sh', 'quickstart.sh'):
        shutil.copy(repo / 'tools' / name, root / 'tools')
    shutil.copy(repo / 'setup.py', root)
    python = root / '.venv' / 'bin' / 'python'
    python.parent.mkdir(parents=True)
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    (root / '.venv' / 'pyvenv.cfg').touch()
    return root


def quickstart(
    root: Path, *, fail_at: str = ''
) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    """Run it from elsewhere; return what happened and the tools it called."""
    log = root / 'log'
    log.write_text('')
    done = subprocess.run(
        ['bash', str(root / 'tools' / 'quickstart.sh')],
        cwd='/',
        env={**os.environ, 'FAIL_AT': fail_at},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines = [line.split() for line in log.read_text().splitlines()]
    return done, [line for line in lines if line[0].startswith('tools/')]


def test_all_steps_once(checkout) -> None:
    done, calls = quickstart(checkout)
    assert done.returncode == 0, done.stdout
    assert [call[0] for call in calls] == STEPS
    # the checkpoint of the training is tested, its results are shown
    (trained,) = (checkout / 'work_dirs').rglob('last_checkpoint')
    assert trained.read_text().strip() in calls[2]
    done, calls = quickstart(checkout)
    assert done.returncode == 0, done.stdout
    assert calls == []
    assert done.stdout.count('done before') == 4


def test_goes_on_after_a_failure(checkout) -> None:
    done, calls = quickstart(checkout, fail_at='tools/train.py')
    assert done.returncode != 0
    assert [call[0] for call in calls] == STEPS[:2]
    done, calls = quickstart(checkout)
    assert done.returncode == 0, done.stdout
    assert [call[0] for call in calls] == STEPS[1:]
    assert '--resume' in calls[0]
