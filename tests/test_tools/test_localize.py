# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The command line on top of the inferencer."""

import json
import os
import subprocess
import sys

import cv2
import mmcv
import pytest
from test_apis.conftest import blobs
from test_apis.test_sources import write_video
from test_apis.tiny_localizer import (
    CLASSES,
    build_model,
    run_tool,
    write_checkpoint,
    write_config,
)

from projects.scm.apis import WSOLInferencer
from projects.scm.apis.sources import RESULT_MARKER

POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n'


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
    assert '1 picture, 1 box: results/results.json' in done.stdout
    assert 'Inference' in done.stdout
    assert cv2.imread(str(tmp_path / 'results' / 'pictures' / '0.jpg')).any()
    content = json.loads((tmp_path / 'results' / 'results.json').read_text())
    [expected] = WSOLInferencer(config, checkpoint)(photos / '0.png')
    x0, y0, x1, y1 = expected['bboxes'][0].tolist()
    [found] = content['annotations']
    assert found['bbox'] == pytest.approx([x0, y0, x1 - x0, y1 - y0], abs=1e-3)
    assert found['category_id'] == expected['pred_label'] + 1
    assert content['images'][0]['file_name'] == '0.png'
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
        *('--format', 'csv', 'yolo', 'coco', 'label-studio', 'cvat'),
        *('--target', 'topk'),
        *('--topk', 2, '--threshold', 'otsu', '--contours', 'all'),
        *('--classes', names, '--no-pictures', '--as-stored'),
        *('--batch-size', 2, '--device', 'cpu', '--masks'),
    )
    assert sorted(file.name for file in out.iterdir()) == [
        'cvat.xml',
        'images',
        'label_studio.json',
        'label_studio_config.xml',
        'masks',
        'results.csv',
        'results.json',
        RESULT_MARKER,
        'yolo',
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
            a['category_id'] - 1
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
    assert {a['category_id'] for a in content['annotations']} == {4}
    assert content['info']['threshold'] == 0.4
    before = (out / 'results.json').read_bytes()
    with pytest.raises(FileNotFoundError, match='no such file or folder'):
        run_tool('localize.py', tmp_path / 'nowhere.jpg', *common)
    with pytest.raises(FileExistsError, match='results of another run'):
        run_tool('localize.py', photos, *common)
    assert (out / 'results.json').read_bytes() == before


def test_one_broken_picture_costs_no_other(files, tmp_path, capsys) -> None:
    config, checkpoint, photos = files
    (photos / 'deep').mkdir()
    (photos / '0.png').rename(photos / 'deep' / '0.png')
    (photos / 'deep' / '2.png').write_text('no picture')
    whole = (photos / '1.png').read_bytes()
    (photos / 'cut.png').write_bytes(whole[: len(whole) // 2])
    (photos / 'film.avi').write_text('no film')
    (photos / 'gone.png').symlink_to(photos / 'nowhere.png')
    for index in range(8):
        (photos / f'x{index}.jpg').write_text(POINTER)
    (photos / 'README.txt').touch()
    out = tmp_path / 'results'
    common = ('--model', config, '--checkpoint', checkpoint, '--out', out)
    with pytest.raises(SystemExit) as stop:
        run_tool('localize.py', photos, *common, '--format', 'coco', 'csv')
    assert stop.value.code == 1
    printed = capsys.readouterr()
    assert '2 pictures, 2 boxes' in printed.out
    assert '1 left out, no pictures or videos: 1 .txt' in printed.err
    assert '12 pictures could not be read' in printed.err
    for name in ('2.png', 'cut.png', 'film.avi', "gone.png'", 'x5.jpg'):
        assert name in printed.err
    assert 'no picture: it is a Git LFS pointer' in printed.err
    assert f'and 2 more, all of them in {out / RESULT_MARKER}' in printed.err
    assert 'x6.jpg' not in printed.err
    content = json.loads((out / 'results.json').read_text())
    assert [i['file_name'] for i in content['images']] == [
        '1.png',
        'deep/0.png',
    ]
    assert (out / 'pictures' / 'deep' / '0.jpg').is_file()
    marker = json.loads((out / RESULT_MARKER).read_text())
    assert len(marker['failures']) == 12
    # Another run, of the one good picture: nothing of the first is left.
    run_tool('localize.py', photos / '1.png', *common, '--overwrite')
    assert sorted(p.name for p in out.rglob('*.*')) == [
        '1.jpg',
        'results.json',
        RESULT_MARKER,
    ]


def test_a_class_named_by_a_digit(files, tmp_path) -> None:
    """The name is meant before the index."""
    config, checkpoint, photos = files
    names = tmp_path / 'names.txt'
    names.write_text('\n'.join('6543210'))
    out = tmp_path / 'results'
    run_tool(
        *('localize.py', photos, '--model', config, '--out', out),
        *('--checkpoint', checkpoint, '--classes', names, '--target', '2'),
    )
    content = json.loads((out / 'results.json').read_text())
    assert {a['category_id'] for a in content['annotations']} == {5}


@pytest.mark.parametrize(
    ('option', 'value', 'message'),
    [
        ('--model', 'no.py', 'config "no.py" does not exist'),
        ('--checkpoint', 'no.pth', 'checkpoint "no.pth" does not exist'),
        ('--threshold', '1.5', r'expected a number in \[0, 1\], got 1.5'),
        ('--threshold', 'no.json', 'no.json'),
    ],
)
def test_what_is_wrong_is_told_before_a_model_loads(
    files, tmp_path, monkeypatch, option, value, message
) -> None:
    config, checkpoint, photos = files
    monkeypatch.setattr('projects.scm.apis.WSOLInferencer', None)
    with pytest.raises((FileNotFoundError, ValueError), match=message):
        run_tool(
            *('localize.py', photos, '--out', tmp_path / 'results'),
            *('--model', config, '--checkpoint', checkpoint, option, value),
        )
    assert not (tmp_path / 'results').exists()


def test_a_video_comes_back(files, tmp_path) -> None:
    config, checkpoint, photos = files
    write_video(photos / 'walk.avi', 4)
    out = tmp_path / 'results'
    run_tool(
        *('localize.py', photos / 'walk.avi', '--model', config),
        *('--checkpoint', checkpoint, '--out', out, '--frame-interval', 2),
    )
    content = json.loads((out / 'results.json').read_text())
    names = [image['file_name'] for image in content['images']]
    assert names == ['frames/walk_000000.jpg', 'frames/walk_000002.jpg']
    for name in names:
        assert cv2.imread(str(out / name)).shape == (24, 32, 3)
    assert len(mmcv.VideoReader(str(out / 'videos' / 'walk.mp4'))) == 2
