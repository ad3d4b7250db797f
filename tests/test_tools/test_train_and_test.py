# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The daily commands, run as a user runs them."""

import json
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from projects.scm.utils.upstream_scripts import find_upstream_tool


@pytest.fixture(scope='module')
def checkpoint(tiny_run) -> Path:
    """After one epoch on two processes."""
    tiny_run.tool('dist_train.sh', tiny_run.config.name, '2')
    return tiny_run.folder / 'work_dirs' / 'tiny' / 'epoch_1.pth'


@pytest.mark.slow
def test_distributed_testing_gives_the_same_metrics(
    tiny_run, checkpoint
) -> None:
    """As one process, where the pictures cannot be shared equally."""
    arguments = (tiny_run.config.name, str(checkpoint))
    metrics = ('--out-item', 'metrics', '--out')
    tiny_run.tool('test.py', *arguments, *metrics, 'one.json')
    tiny_run.tool('dist_test.sh', *arguments, '2', *metrics, 'two.json')
    one = json.loads((tiny_run.folder / 'one.json').read_text())
    two = json.loads((tiny_run.folder / 'two.json').read_text())
    assert one == two
    # of 7 pictures: the one that fills up the last batch is not counted twice
    correct = one['accuracy/top1'] * 7 / 100
    assert correct == pytest.approx(round(correct), abs=1e-3)


@pytest.mark.slow
def test_distributed_training_is_resumed(tiny_run, checkpoint) -> None:
    """From the last checkpoint of the work folder, without naming it."""
    first = torch.load(checkpoint, weights_only=False)
    # 7 pictures on 2 processes in batches of 2: 2 iterations, not 4
    assert first['meta']['iter'] == 2
    log = tiny_run.tool(
        *('dist_train.sh', tiny_run.config.name, '2', '--resume'),
        *('--cfg-options', 'train_cfg.max_epochs=2'),
    ).stdout
    assert 'resumed epoch: 1, iter: 2' in log
    assert 'Epoch(train) [1]' not in log
    assert 'Epoch(train) [2]' in log
    second = torch.load(
        checkpoint.with_name('epoch_2.pth'), weights_only=False
    )
    assert second['meta']['iter'] == 4


@pytest.mark.slow
def test_single_process_and_predictions(tiny_run) -> None:
    """The work folder of the arguments is used, predictions are written."""
    config = str(tiny_run.config)
    tiny_run.tool('train.py', config, '--work-dir', 'here', '--no-validate')
    checkpoint = tiny_run.folder / 'here' / 'epoch_1.pth'
    tiny_run.tool('test.py', config, str(checkpoint), '--out', 'out.pkl')
    with (tiny_run.folder / 'out.pkl').open('rb') as file:
        results = pickle.load(file)
    assert len(results) == 7
    assert results[0]['pred_score'].shape == (2,)


@pytest.mark.slow
def test_mmpretrains_own_script_reaches_our_parts(
    tmp_path: Path, repo: Path
) -> None:
    """As ``mim train mmpretrain`` runs it, once the package is installed."""
    config = tmp_path / 'child.py'
    config.write_text(
        f'_base_ = {str(repo / "configs" / "scm_deit-t_cub.py")!r}\n'
        'model = dict(backbone=dict(init_cfg=None))\n'
    )
    done = subprocess.run(
        [sys.executable, str(find_upstream_tool('train')), str(config)],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(repo)},
        capture_output=True,
        text=True,
    )
    # model and dataset are ours; only the pictures are missing
    assert done.returncode == 1
    assert 'images.txt: no such file' in done.stderr, done.stderr


def test_a_foreign_projects_package_is_named(
    tmp_path: Path, repo: Path
) -> None:
    """Also by the tools, which could not even import what checks for it."""
    (tmp_path / 'projects').mkdir()
    foreign = tmp_path / 'projects' / '__init__.py'
    foreign.touch()
    done = subprocess.run(
        [sys.executable, str(repo / 'tools' / 'train.py'), 'any.py'],
        env={**os.environ, 'PYTHONPATH': str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert f'hides projects.scm: {foreign}' in done.stderr


@pytest.fixture
def record(tmp_path: Path) -> dict[str, str]:
    """Environment in which python and srun only print their arguments."""
    for name in ('srun', 'python'):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" {name} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    env = {
        k: v
        for k, v in os.environ.items()
        if k not in ('PYTHON', 'PORT', 'GPUS', 'NNODES')
    }
    return {**env, 'PATH': f'{tmp_path}:{os.environ["PATH"]}'}


def run_script(
    name: str, *args: str, repo: Path, env: dict[str, str]
) -> list[str]:
    done = subprocess.run(
        ['bash', str(repo / 'tools' / name), *args],
        cwd='/',
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_dist_scripts_pass_their_arguments(repo, record) -> None:
    """The environment reaches torchrun, quoting is kept."""
    got = run_script(
        'dist_train.sh',
        *('my cfg.py', '4', '--cfg-options', 'a="b c"'),
        repo=repo,
        env={
            **record,
            'NNODES': '2',
            'NODE_RANK': '1',
            'MASTER_ADDR': '10.0.0.1',
            'PORT': '29501',
        },
    )
    assert got == [
        'python',
        '-m',
        'torch.distributed.run',
        '--nnodes=2',
        '--node_rank=1',
        '--master_addr=10.0.0.1',
        '--master_port=29501',
        '--nproc_per_node=4',
        str(repo / 'tools' / 'train.py'),
        'my cfg.py',
        '--launcher',
        'pytorch',
        '--cfg-options',
        'a="b c"',
    ]
    got = run_script(
        'dist_test.sh', 'c.py', 'p.pth', '2', '--tta', repo=repo, env=record
    )
    assert got[3:] == [
        '--nnodes=1',
        '--node_rank=0',
        '--master_addr=127.0.0.1',
        '--master_port=29500',
        '--nproc_per_node=2',
        str(repo / 'tools' / 'test.py'),
        'c.py',
        'p.pth',
        '--launcher',
        'pytorch',
        '--tta',
    ]


def test_slurm_scripts_pass_their_arguments(repo, record) -> None:
    """Fewer than eight GPUs need no second variable."""
    got = run_script(
        'slurm_train.sh',
        *('part', 'job', 'c.py', 'work dir', '--amp'),
        repo=repo,
        env={**record, 'GPUS': '4', 'SRUN_ARGS': '--quota 1'},
    )
    assert got == [
        'srun',
        '-p',
        'part',
        '--job-name=job',
        '--gres=gpu:4',
        '--ntasks=4',
        '--ntasks-per-node=4',
        '--cpus-per-task=5',
        '--kill-on-bad-exit=1',
        '--quota',
        '1',
        'python',
        '-u',
        str(repo / 'tools' / 'train.py'),
        'c.py',
        '--work-dir=work dir',
        '--launcher=slurm',
        '--amp',
    ]
    got = run_script(
        'slurm_test.sh',
        *('part', 'job', 'c.py', 'p.pth'),
        repo=repo,
        env={**record, 'GPUS': '16', 'CPUS_PER_TASK': '3'},
    )
    assert '--ntasks=16' in got
    assert '--ntasks-per-node=8' in got
    assert got[-4:] == [
        str(repo / 'tools' / 'test.py'),
        'c.py',
        'p.pth',
        '--launcher=slurm',
    ]


@pytest.mark.parametrize(
    ('script', 'too_few'),
    [
        ('dist_train.sh', 1),
        ('dist_test.sh', 2),
        ('slurm_train.sh', 3),
        ('slurm_test.sh', 3),
    ],
)
def test_scripts_explain_themselves(repo, script, too_few) -> None:
    done = subprocess.run(
        ['bash', str(repo / 'tools' / script), *['x'] * too_few],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert 'Usage' in done.stderr
