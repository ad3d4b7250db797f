# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A small version of what ``docs/reliability.md`` tells."""

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs os.fork')
def test_nothing_is_lost(tmp_path, repo):
    out = tmp_path / 'soak.json'
    done = subprocess.run(
        [
            *[sys.executable, 'tools/benchmarks/soak.py', '--out', str(out)],
            *['--kills', '2', '--full-disks', '2', '--writer-kills', '2'],
        ],
        cwd=repo,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert done.stdout.count('the first checkpoint after') == 4
    rows = json.loads(out.read_text())['rows']
    assert sum(row.get('identical', 0) for row in rows) > 1
    assert sum(row['lost'] for row in rows) == 0
    assert '| results | killed | 2 |' in done.stdout
