# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture
def tool(repo, monkeypatch):
    monkeypatch.syspath_prepend(str(repo / 'tools' / 'benchmarks'))
    import dataloader

    return dataloader


def test_photographs_weigh_what_imagenets_do(tool, tmp_path):
    image = tool.make_photograph(500, 375, seed=0)
    assert image.size == (500, 375)
    assert np.asarray(image).std() > 40
    weight = tool.make_set(tmp_path / 'set', 4, 500, 375)
    assert 90e3 < weight < 130e3  # 110 kB on average
    assert tool.make_photograph(9, 9, 1) != tool.make_photograph(9, 9, 2)


@pytest.mark.slow
def test_command_line(repo, tmp_path):
    """A short run measures everything and writes it down."""
    out = tmp_path / 'results' / 'loader.json'
    command = [
        sys.executable, repo / 'tools' / 'benchmarks' / 'dataloader.py',
        '--images', '6', '--size', '64', '48', '--workers', '0', '1',
        '--batch-size', '4', '--repeats', '1', '--list-rows', '3000',
        '--out', out, '--plot', tmp_path / 'drawn',
    ]  # fmt: skip
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert 'images_per_s' in result.stdout
    figures = json.loads(out.read_text())
    assert sorted(figures) == [
        'cache', 'images', 'lists', 'machine', 'stages',
    ]  # fmt: skip
    assert [(f['phase'], f['workers']) for f in figures['images']] == [
        ('train', 0), ('train', 1), ('test', 0), ('test', 1),
    ]  # fmt: skip
    assert all(f['images_per_s'] > 0 for f in figures['images'])
    for row in figures['cache']:
        assert row['equal'] is True
        assert row['ratio_min'] <= row['ratio'] <= row['ratio_max']
    stages = {f['transform'] for f in figures['stages']}
    assert {'Load8BitImage', 'Resize', 'PackWSOLInputs'} <= stages
    for row, boxes in zip(figures['lists'], (False, True), strict=True):
        assert row['rows'] == 3000
        assert row['boxes'] == boxes
        assert 0 < row['of_which_imports_mb'] <= row['peak_mb']
        assert row['kept_mb'] > 0.1
        if sys.platform == 'linux':
            # The list itself is shared, not copied into the worker.
            assert row['private_mb_of_a_worker'] < 5
    assert list(out.parent.iterdir()) == [out]
    drawn = (tmp_path / 'drawn' / 'performance_loader.svg').read_text()
    assert drawn.rstrip().endswith('</svg>')
