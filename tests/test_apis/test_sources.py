# Copyright (c) SCM-WSOL contributors. All rights reserved.
from pathlib import Path

import cv2
import numpy as np
import pytest

from projects.scm.apis.sources import (
    RESULT_MARKER,
    count_sources,
    expand_inputs,
    iterate_sources,
)

PICTURE = np.zeros((4, 6, 3), np.uint8)


def write_video(file: Path, frames: int = 7) -> np.ndarray:
    """Grey frames, each lighter than the one before; gives their levels."""
    levels = np.arange(frames) * 30 + 20
    writer = cv2.VideoWriter(
        str(file), cv2.VideoWriter.fourcc(*'MJPG'), 10, (32, 24)
    )
    for level in levels:
        writer.write(np.full((24, 32, 3), level, np.uint8))
    writer.release()
    return levels


def names(inputs, **kwargs):
    sources = iterate_sources(expand_inputs(inputs), **kwargs)
    return [source.name for source in sources]


def paths(inputs):
    return [item.path for item in expand_inputs(inputs)]


def make_files(folder: Path, *names: str) -> Path:
    """Empty files."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return folder


def test_folders_and_patterns_are_sorted(photos) -> None:
    expected = [str(photos / f'{i}.png') for i in range(5)]
    assert paths(photos) == expected
    assert paths(f'{photos}/') == expected
    assert paths(f'{photos}/[13]*.png') == [expected[1], expected[3]]
    assert paths(f'{photos}/**/4.png') == expected[4:]
    # Whoever names a file means it, picture or not.
    credits = str(photos / 'CREDITS.txt')
    assert paths(credits) == [credits]


def test_folders_are_searched_to_the_bottom(tmp_path) -> None:
    folder = make_files(
        tmp_path / 'photos',
        'top.JPG',
        'fish/1.jfif',
        'fish/deep/er/1.png',
        'tool/1.png',
        'tool/note.txt',
        'phone.HEIC',
        '.cache/1.png',
        'tool/.hidden.png',
        'README',
    )
    found = expand_inputs(folder)
    assert [item.file_name for item in found] == [
        'fish/1.jfif',
        'fish/deep/er/1.png',
        'tool/1.png',
        'top.JPG',
    ]
    assert names(folder) == ['fish/1', 'fish/deep/er/1', 'tool/1', 'top']
    assert sorted(found.left_out) == [
        '.cache/1.png',
        'README',
        'phone.HEIC',
        'tool/.hidden.png',
        'tool/note.txt',
    ]
    line = found.describe_left_out()
    assert line.startswith('5 left out, no pictures or videos: ')
    assert set(line.partition(': ')[2].split(', ')) == {
        '2 hidden',
        '1 no suffix',
        '1 .heic',
        '1 .txt',
    }
    found = expand_inputs(f'{folder}/**')
    assert [item.file_name for item in found] == [
        'fish/1.jfif',
        'fish/deep/er/1.png',
        'tool/1.png',
        'top.JPG',
    ]
    assert sorted(Path(p).name for p in found.left_out) == [
        'README',
        'note.txt',
        'phone.HEIC',
    ]
    assert expand_inputs(folder / 'tool').describe_left_out() == (
        '2 left out, no pictures or videos: 1 hidden, 1 .txt'
    )
    assert expand_inputs(folder / 'fish').describe_left_out() == ''


def test_results_of_earlier_runs_are_no_photographs(tmp_path) -> None:
    folder = make_files(
        tmp_path,
        'a.png',
        f'results/{RESULT_MARKER}',
        'results/pictures/a.jpg',
        'results_of_mine/b.png',
        'next/c.png',
    )
    assert names(folder) == ['a', 'next/c', 'results_of_mine/b']
    found = expand_inputs(folder, ignore=[folder / 'next'])
    assert names(found) == ['a', 'results_of_mine/b']
    with pytest.raises(FileNotFoundError, match='holds no picture'):
        expand_inputs(folder / 'results')


def test_names_are_relative_to_the_common_folder(tmp_path) -> None:
    make_files(tmp_path, 'a/fish/1.png', 'a/tool/1.png', 'b/1.png')
    single = str(tmp_path / 'a/fish/1.png')
    assert names(single) == ['1']
    assert names([tmp_path / 'a/fish', tmp_path / 'a/tool']) == [
        'fish/1',
        'tool/1',
    ]
    # As a shell expands photos/*/*.png.
    assert names([single, tmp_path / 'a/tool/1.png']) == ['fish/1', 'tool/1']
    assert names([tmp_path / 'a', tmp_path / 'b']) == [
        'a/fish/1',
        'a/tool/1',
        'b/1',
    ]
    assert names(f'{tmp_path}/*/1.png') == ['b/1']


def test_a_name_with_brackets_is_a_file(tmp_path) -> None:
    file = tmp_path / 'bird[1].png'
    file.touch()
    assert paths(str(file)) == [str(file)]


def test_lists_mix_everything(photos, tmp_path) -> None:
    other = tmp_path / '0.png'
    other.touch()
    url = 'https://example.org/a/bird.jpg?size=3'
    inputs = [photos, (PICTURE, other), url, PICTURE[..., 0], f'{photos}/0*']
    items = expand_inputs(inputs)
    assert len(items) == count_sources(items) == 10
    assert items[8].image.shape == (4, 6, 3)  # grey became BGR
    folder = photos.name
    common = photos.parent
    outer = other.relative_to(common).with_suffix('').as_posix()
    assert names(inputs) == [
        *(f'{folder}/{i}' for i in range(5)),
        '000005',
        outer,
        'bird',
        '000008',
        f'{folder}/0_1',
    ]
    assert names(items) == names(inputs)


def test_names_do_not_clash(tmp_path) -> None:
    make_files(tmp_path, 'a.png', 'A.jpg', 'a.jpg', 'a_1.png')
    files = [tmp_path / n for n in ('a.png', 'a_1.png', 'a.jpg', 'A.jpg')]
    assert names([*files, files[0]]) == ['a', 'a_1', 'a_2', 'A_3', 'a_4']


def test_frames_of_a_video(tmp_path) -> None:
    file = tmp_path / 'walk.avi'
    levels = write_video(file)
    items = expand_inputs([PICTURE, file])
    assert count_sources(items) == 8
    assert count_sources(items, 3) == 4
    first, *frames = iterate_sources(items)
    assert first.frame is None
    assert [source.frame for source in frames] == list(range(7))
    assert [int(np.median(s.image)) for s in frames] == pytest.approx(
        levels, abs=3
    )
    assert frames[0].path == str(file)
    assert frames[0].file_name == 'walk.avi'
    assert names(file, frame_interval=3) == [
        'walk_000000',
        'walk_000003',
        'walk_000006',
    ]


@pytest.mark.parametrize(
    ('inputs', 'error', 'message'),
    [
        ('nowhere.jpg', FileNotFoundError, r'^nowhere\.jpg: no such file'),
        ('nowhere/*.jpg', FileNotFoundError, r'nowhere/\*\.jpg: no file'),
        ('', ValueError, 'empty string'),
        ([], ValueError, 'at least one'),
        (7, TypeError, 'got int'),
        ([None], TypeError, 'got NoneType'),
        (PICTURE.astype(float), ValueError, r'got float64 \(4, 6, 3\)'),
        (PICTURE[None], ValueError, r'\(1, 4, 6, 3\); give several'),
        (PICTURE[:0], ValueError, r'\(0, 6, 3\)'),
    ],
)
def test_other_inputs_are_refused(inputs, error, message) -> None:
    with pytest.raises(error, match=message):
        expand_inputs(inputs)


def test_an_empty_folder_is_named(tmp_path) -> None:
    (tmp_path / 'a.txt').touch()
    with pytest.raises(
        FileNotFoundError, match='no picture and no video'
    ) as e:
        expand_inputs(tmp_path)
    assert str(tmp_path) in str(e.value)
    assert '(1 other files)' in str(e.value)


def test_a_broken_video_is_named(tmp_path) -> None:
    file = tmp_path / 'broken.mp4'
    file.write_bytes(b'no video')
    items = expand_inputs([file, PICTURE])
    assert count_sources(items) == 2
    with pytest.raises(ValueError, match=r'broken\.mp4: does not open'):
        list(iterate_sources(items))
    failures = []
    left = list(
        iterate_sources(items, on_error=lambda *what: failures.append(what))
    )
    assert [source.name for source in left] == ['000001']
    [(source, error)] = failures
    assert source.path == str(file)
    assert 'does not open' in str(error)
