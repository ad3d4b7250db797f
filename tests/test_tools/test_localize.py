# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The command line on top of the inferencer."""

import json
import os
import subprocess
import sys

import cv2
import pytest
from test_apis.conftest import blobs
from test_apis.tiny_localizer import (
    CLASSES,
    build_model,
    run_tool,
    write_checkpoint,
    write_config,
)

from projects.scm.apis import WSOLInferencer


@pytest.fixture
def files(tmp_path):
    """A config, a checkpoint, and a folder with two pictures."""
    folder = tmp_path / 'photos'
    folder.mkdir()
    for index, size in enumerate([(90, 60), (50, 80)]):
        cv2.imwrite(str(folder / f'{index}.png'), blobs(*size, index))
    config = write_config(tmp_path)
    return config, write_checkpoint(tmp_path, build_model()), folder


def test_as_a_user_runs_it(files, repo, tmp_path) -> None:
    """From another folder, without an installation."""
    config, checkpoint, photos = files
    done = subprocess.run(
        [
            sys.executable,
            str(repo / 'tools' / 'localize.py'),
            *map(str, ('photos/0.png', '--model', config)),
            *('--checkpoint', str(checkpoint), '--out', 'results/'),
        ],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != 'PYTHONPATH'},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert '1 pictures, 1 boxes: results/results.json' in done.stdout
    assert 'Inference' in done.stdout
    assert cv2.imread(str(tmp_path / 'results' / 'pictures' / '0.jpg')).any()
    content = json.loads((tmp_path / 'results' / 'results.json').read_text())
    [expected] = WSOLInferencer(config, checkpoint)(photos / '0.png')
    x0, y0, x1, y1 = expected['bboxes'][0].tolist()
    [found] = content['annotations']
    assert found['bbox'] == pytest.approx([x0, y0, x1 - x0, y1 - y0], abs=1e-3)
    assert found['category_id'] == expected['pred_label']
    assert content['images'][0]['file_name'] == 'photos/0.png'
    assert [c['name'] for c in content['categories']] == list(CLASSES)


def test_options(files, tmp_path) -> None:
    config, checkpoint, photos = files
    names = tmp_path / 'names.txt'
    names.write_text('\n'.join('abcdefg'))
    out = tmp_path / 'results'
    run_tool(
        'localize.py',
        photos,
        *('--model', config, '--checkpoint', checkpoint, '--out', out),
        *('--format', 'csv', 'yolo', 'coco', '--target', 'topk'),
        *('--topk', 2, '--threshold', 'otsu', '--contours', 'all'),
        *('--classes', names, '--no-pictures', '--as-stored'),
        *('--batch-size', 2, '--device', 'cpu'),
    )
    assert sorted(file.name for file in out.iterdir()) == [
        'classes.txt',
        'labels',
        'results.csv',
        'results.json',
    ]
    expected = WSOLInferencer(config, checkpoint)(
        photos, target='topk', topk=2, threshold='otsu', contours='all'
    )
    content = json.loads((out / 'results.json').read_text())
    assert content['info']['threshold'] == 'otsu'
    assert content['info']['upright'] is False
    assert content['categories'][6]['name'] == 'g'
    for image_id, result in enumerate(expected, 1):
        found = [
            a['category_id']
            for a in content['annotations']
            if a['image_id'] == image_id
        ]
        assert found == result['labels'].tolist()


def test_a_class_by_number_and_a_threshold_by_number(files, tmp_path) -> None:
    config, checkpoint, photos = files
    out = tmp_path / 'results'
    common = ('--model', config, '--checkpoint', checkpoint, '--out', out)
    run_tool(
        *('localize.py', photos, *common, '--target', 3, '--threshold', 0.4)
    )
    content = json.loads((out / 'results.json').read_text())
    assert {a['category_id'] for a in content['annotations']} == {3}
    assert content['info']['threshold'] == 0.4
    before = (out / 'results.json').read_bytes()
    with pytest.raises(FileNotFoundError, match='no such file or folder'):
        run_tool('localize.py', tmp_path / 'nowhere.jpg', *common)
    (photos / '2.png').write_text('no picture')
    with pytest.raises(ValueError, match=r'2\.png: does not read'):
        run_tool('localize.py', photos, *common)
    assert (out / 'results.json').read_bytes() == before
