# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The order of the quickstart and what it skips, with a Python that plays.

The real steps are run in the tests of the tools they call.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from mmengine.config import Config

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
    root: Path, *arguments: str, fail_at: str = ''
) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    """Run it from elsewhere; return what happened and the tools it called."""
    log = root / 'log'
    log.write_text('')
    done = subprocess.run(
        ['bash', str(root / 'tools' / 'quickstart.sh'), *arguments],
        cwd='/',
        env={**os.environ, 'FAIL_AT': fail_at},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines = [line.split() for line in log.read_text().splitlines()]
    return done, [line for line in lines if line[0].startswith('tools/')]


def test_all_steps_once(checkout, repo) -> None:
    done, calls = quickstart(checkout)
    assert done.returncode == 0, done.stdout
    assert [call[0] for call in calls] == STEPS
    _, pretraining, train, test, report = calls
    # the weights are made where the config looks for them
    config, _, made_in = pretraining[1:4]
    assert train[1] == test[1] == 'configs/scm_vit-demo_demo.py'
    cfg = Config.fromfile(repo / train[1])
    weights = Path(cfg.model.backbone.init_cfg.checkpoint)
    assert str(weights.parent) == made_in
    epochs = Config.fromfile(repo / config).train_cfg.max_epochs
    assert weights.name == f'epoch_{epochs}.pth'
    # the checkpoint of this very training is tested, its results are shown
    assert test[2] == f'{train[3]}/epoch_1.pth'
    assert report[1] == f'{train[3]}/predictions.pkl'
    done, calls = quickstart(checkout)
    assert done.returncode == 0, done.stdout
    assert calls == []
    assert done.stdout.count('done before') == 5


def test_compare_adds_what_is_missing(checkout) -> None:
    _, (*_, trained, _, _) = quickstart(checkout)
    done, calls = quickstart(checkout, '--compare')
    assert done.returncode == 0, done.stdout
    train, test, report = calls
    assert train[1] == test[1] == 'configs/tscam_vit-demo_demo.py'
    assert report[1:6] == [
        f'{trained[3]}/predictions.pkl',
        f'{train[3]}/predictions.pkl',
        *['--names', 'scm', 'tscam'],
    ]
    assert report[report.index('--out') + 1].endswith('comparison.html')


@pytest.mark.parametrize('fails', [1, 3])
def test_goes_on_after_a_failure(checkout, fails) -> None:
    done, calls = quickstart(checkout, fail_at=STEPS[fails])
    assert done.returncode != 0
    assert [call[0] for call in calls] == STEPS[: fails + 1]
    done, calls = quickstart(checkout)
    assert done.returncode == 0, done.stdout
    assert [call[0] for call in calls] == STEPS[fails:]
    assert all('--resume' in c for c in calls if c[0] == 'tools/train.py')
