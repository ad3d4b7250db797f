# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The walk-through is executed as it stands, on a small drawn set."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from test_docs.pages import REPO, blocks, file_of, read_page

import projects.scm.register  # noqa: F401
from projects.scm.datasets import CUBLocalization

# Nine programs one after the other: long where others use the machine, too.
pytestmark = pytest.mark.timeout(1500)

PAGE = 'docs/train_your_own_data.md'
EPOCHS = 'max_epochs=30, val_interval=10'
COLORS = {'blue': (230, 60, 40), 'green': (40, 230, 40), 'red': (40, 40, 230)}


def draw_photographs(folder, per_class=8):
    """Squares on noise, a class a colour, and their boxes as CSV."""
    rng = np.random.default_rng(0)
    rows = ['path,x0,y0,x1,y1']
    for name, color in COLORS.items():
        (folder / 'photographs' / name).mkdir(parents=True)
        for index in range(per_class):
            image = rng.integers(60, 160, (80, 100, 3), dtype=np.uint8)
            size = int(rng.integers(30, 50))
            x, y = (int(rng.integers(0, n - size)) for n in (100, 80))
            image[y : y + size, x : x + size] = color
            path = f'{name}/{index:04d}.png'
            cv2.imwrite(str(folder / 'photographs' / path), image)
            rows.append(f'{path},{x},{y},{x + size},{y + size}')
    (folder / 'boxes.csv').write_text('\n'.join(rows) + '\n')


def script_of(page):
    """The page as one bash script; two epochs instead of thirty."""
    assert page.count(EPOCHS) == 1
    page = page.replace(EPOCHS, 'max_epochs=2, val_interval=2')
    lines = ['set -euo pipefail']
    for block in blocks(page, 'bash', 'python'):
        if block.language == 'bash':
            lines.append(block.text)
        elif file_of(block):
            lines.append(f"cat > {file_of(block)} <<'END'\n{block.text}END")
        else:
            lines.append(f"python - <<'END'\n{block.text}END")
    return '\n'.join(lines)


@pytest.fixture(scope='module')
def walked(tmp_path_factory):
    """A folder in which the page was followed, and what was printed."""
    folder = tmp_path_factory.mktemp('walk')
    for name in ('projects', 'tools'):
        (folder / name).symlink_to(REPO / name)
    shutil.copytree(REPO / 'configs', folder / 'configs')
    draw_photographs(folder)
    python = Path(sys.executable).parent
    process = subprocess.run(
        ['bash', '-c', script_of(read_page(PAGE))],
        cwd=folder,
        env={
            **os.environ,
            'PATH': f'{python}{os.pathsep}{os.environ["PATH"]}',
            'OMP_NUM_THREADS': '1',
            'CUDA_VISIBLE_DEVICES': '',
        },
        capture_output=True,
        text=True,
        timeout=1400,
        check=False,
    )
    output = process.stdout + process.stderr
    assert process.returncode == 0, output[-6000:]
    return folder, output


@pytest.mark.long
@pytest.mark.slow
def test_the_walk_through_works_and_leaves_what_it_says(walked):
    folder, output = walked
    for boxes in (0, 24):
        assert f'18 images to train, 6 to test, {boxes} boxes' in output
    assert len(list((folder / 'browse').glob('*.png'))) == 5
    assert (folder / 'work_dirs/my_set/epoch_2.pth').is_file()
    assert cv2.imread(str(folder / 'panels.png')) is not None
    assert (
        0 < json.loads((folder / 'labels.json').read_text())['threshold'] < 1
    )
    thresholds = json.loads((folder / 'thresholds.json').read_text())
    assert 0 <= thresholds['thresholds']['scm']['top1_loc'] < 1

    assert len(list((folder / 'results/pictures').iterdir())) == 8
    results = json.loads((folder / 'results/results.json').read_text())
    assert len(results['images']) == 8
    names = {category['name'] for category in results['categories']}
    assert names == set(COLORS)
    assert output.count('[[') >= 8  # boxes that the Python block prints

    # Without boxes the page says why; with them it has figures.
    assert output.count('No localization figures') >= 1
    pages = [folder / f'{name}.html' for name in ('report', 'measured')]
    assert ['No localization' in page.read_text() for page in pages] == [
        True,
        False,
    ]


@pytest.mark.long
@pytest.mark.slow
def test_the_config_for_photographs_finds_the_same_data(walked):
    folder, _ = walked
    cfg = Config.fromfile(folder / 'configs/my_photographs.py')
    for loader, count in (
        (cfg.train_dataloader, 18),
        (cfg.val_dataloader, 6),
        (cfg.test_dataloader, 6),
    ):
        options = dict(loader.dataset)
        options.pop('type')
        options['data_root'] = str(folder / options['data_root'])
        assert len(CUBLocalization(**options)) == count
    assert cfg.model.head.type == 'SCMHead'
    assert cfg.model.head.num_classes == len(COLORS)


def test_every_option_of_the_page_is_in_the_script():
    """A command that is folded wrongly would run, but not as shown."""
    script = script_of(read_page(PAGE))
    words = shlex.split(script.replace("'END'", 'END'), comments=True)
    assert words.count('tools/train.py') == 1
    assert words.count('tools/test.py') == 2
