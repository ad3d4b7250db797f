# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from projects.scm.cli import train_folder
from projects.scm.cli.main import find_tools, run_command
from projects.scm.cli.train_folder import Plan, config_text, plan_training
from projects.scm.datasets.annotations import read_coco


def test_small_sets_get_more_epochs() -> None:
    # 80 pictures, 1,200 shown: 15 epochs of ten steps.
    assert plan_training(80, 'scm', 192) == Plan('scm_deit-t_cub', 15, 8, 1e-4)
    assert plan_training(1500, 'tscam', 384) == Plan(
        'tscam_deit-s_cub', 12, 16, 1e-4
    )
    assert plan_training(240, 'scm', None) == Plan(
        'scm_deit-t-p8_tiny-cub-64px', 100, 30, 1e-3
    )
    with pytest.raises(ValueError, match=r'tokens of 100 numbers.*192, 384'):
        plan_training(80, 'scm', 100)


@pytest.mark.parametrize('with_boxes', [False, True])
def test_the_config_says_what_was_chosen(tmp_path, with_boxes) -> None:
    configs = find_tools().parent / 'configs'
    base = os.path.relpath(configs / 'scm_deit-t_cub.py', tmp_path)
    plan = Plan('scm_deit-t_cub', 30, 8, 1e-4)
    text = config_text(
        plan, base, 'data/mine', 3, with_boxes, 'w.pth', 7, num_pictures=80
    )
    file = tmp_path / 'mine.py'
    file.write_text(text)
    config = Config.fromfile(file)
    assert config.model.head.num_classes == 3
    assert config.model.head.type == 'SCMHead'
    assert config.model.backbone.init_cfg.checkpoint == 'w.pth'
    assert config.train_dataloader.batch_size == 8
    for loader in (
        config.train_dataloader,
        config.val_dataloader,
        config.test_dataloader,
    ):
        assert loader.dataset.data_root == 'data/mine'
    found = config.test_dataloader.dataset.get('with_boxes')
    assert found is (None if with_boxes else False)
    assert config.optim_wrapper.optimizer.lr == 1e-4
    assert config.train_cfg.max_epochs == 30
    # 30 epochs of ten steps: a line every 15.
    assert config.default_hooks.logger.interval == 15
    assert config.randomness.seed == 7


def test_a_run_is_not_written_over(tmp_path, monkeypatch) -> None:
    (tmp_path / 'my photos').mkdir()
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'my_photos.py').touch()
    with pytest.raises(SystemExit, match='holds a run already; --resume'):
        train_folder.main([str(tmp_path / 'my photos'), '--out', str(out)])


def test_weights_that_are_missing_are_one_line(tmp_path, monkeypatch) -> None:
    """Before anything is written."""
    (tmp_path / 'photos').mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r'ERROR: checkpoint "w\.pth" does n'):
        run_command('train', ['photos', '--weights', 'w.pth'])
    assert [file.name for file in tmp_path.iterdir()] == ['photos']


@pytest.mark.slow
@pytest.mark.timeout(1500)  # seven programs, one after the other
def test_from_a_folder_to_boxes(tmp_path, repo) -> None:
    """Without weights, without boxes; a name that is none of Python's."""
    folder = tmp_path / 'my photos.2'
    rng = np.random.default_rng(0)
    for name, color in (('blue', (230, 60, 40)), ('red', (40, 40, 230))):
        (folder / name).mkdir(parents=True)
        for index in range(6):
            image = rng.integers(60, 160, (60, 80, 3), dtype=np.uint8)
            image[10:40, 20:60] = color
            cv2.imwrite(str(folder / name / f'{index}.png'), image)
    out = tmp_path / 'out'
    done = subprocess.run(
        [
            *('bash', str(repo / 'tools' / 'journeys' / 'photographs.sh')),
            *(str(folder), str(out), '--epochs', '1'),
        ],
        env={**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    config = Config.fromfile(out / 'my_photos_2.py')
    assert config.model.head.num_classes == 2
    text = (out / 'my_photos_2.py').read_text()
    assert text.startswith('# Written by scm-wsol train')
    page = (out / 'report.html').read_text()
    assert 'No localization figures' in page
    results = json.loads((out / 'boxes' / 'results.json').read_text())
    assert len(results['images']) == 12
    assert [c['name'] for c in results['categories']] == ['blue', 'red']
    # Labels chose the threshold, and the page begins with it.
    threshold = json.loads((out / 'threshold.json').read_text())
    assert threshold['chosen_by'] == 'labels'
    names = {image['file_name'] for image in results['images']}
    assert 'blue/0.png' in names
    # The next tools read it: the converter, and Label Studio's importer.
    table = read_coco(out / 'boxes' / 'results.json')
    assert not table.problems
    assert set(table.sizes) == names
    drafts = json.loads((out / 'drafts' / 'label_studio.json').read_text())
    assert len(drafts) == 12
    assert all(task['predictions'][0]['result'] for task in drafts)
