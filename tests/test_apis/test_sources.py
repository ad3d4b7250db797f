# Copyright (c) SCM-WSOL contributors. All rights reserved.
from pathlib import Path

import cv2
import numpy as np
import pytest

from projects.scm.apis.sources import (
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


def test_folders_and_patterns_are_sorted(photos) -> None:
    expected = [str(photos / f'{i}.png') for i in range(5)]
    assert expand_inputs(photos) == expected
    assert expand_inputs(f'{photos}/') == expected
    assert expand_inputs(f'{photos}/[13]*.png') == [expected[1], expected[3]]
    assert expand_inputs(f'{photos}/**/4.png') == expected[4:]
    # Whoever names a file by a pattern means it, picture or not.
    assert expand_inputs(f'{photos}/C*') == [str(photos / 'CREDITS.txt')]


def test_a_name_with_brackets_is_a_file(tmp_path) -> None:
    file = tmp_path / 'bird[1].png'
    file.touch()
    assert expand_inputs(str(file)) == [str(file)]


def test_lists_mix_everything(photos, tmp_path) -> None:
    other = tmp_path / '0.png'
    other.touch()
    url = 'https://example.org/a/bird.jpg?size=3'
    inputs = [photos, (PICTURE, other), url, PICTURE[..., 0], f'{photos}/0*']
    items = expand_inputs(inputs)
    assert len(items) == count_sources(items) == 10
    assert items[8].shape == (4, 6, 3)  # grey became BGR
    assert names(inputs) == [
        *'01234',
        '000005',
        '0_1',
        'bird',
        '000008',
        '0_2',
    ]


def test_names_do_not_clash(tmp_path) -> None:
    files = []
    for index, name in enumerate(['a', 'a_1', 'a', 'A', 'a_1']):
        (tmp_path / str(index)).mkdir()
        files.append(tmp_path / str(index) / f'{name}.png')
        files[-1].touch()
    assert names(files) == ['a', 'a_1', 'a_2', 'A_3', 'a_1_1']


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
    with pytest.raises(ValueError, match=r'broken\.mp4: does not open'):
        count_sources(expand_inputs(file))
