# Copyright (c) SCM-WSOL contributors. All rights reserved.
import mmcv
import numpy as np
import pytest
from test_apis.test_outputs.conftest import CLASSES, make_result, write_all
from test_apis.test_sources import write_video

from projects.scm.apis.outputs.video import BoxSmoother, VideoWriter


def test_boxes_are_steadied() -> None:
    smoother = BoxSmoother()
    first = np.array([[0, 0, 10, 10], [50, 50, 60, 60]])
    assert smoother.update([0, 1], first).tolist() == first.tolist()
    # The first moves by 5: 0.4 of it. The second is of another class now.
    second = np.array([[5, 0, 15, 10], [50, 50, 60, 60]])
    assert smoother.update([0, 0], second).tolist() == [
        [2, 0, 12, 10],
        [50, 50, 60, 60],
    ]
    # Too far away (IoU 0): another object. Nothing at all: nothing stays.
    assert smoother.update([0], np.array([[30, 0, 40, 10]])).tolist() == [
        [30, 0, 40, 10]
    ]
    assert smoother.update([], np.zeros((0, 4))).shape == (0, 4)
    assert smoother.update([0], np.array([[31, 0, 41, 10]])).tolist() == [
        [31, 0, 41, 10]
    ]


def test_two_boxes_do_not_follow_one() -> None:
    smoother = BoxSmoother()
    smoother.update([0], np.array([[0, 0, 10, 10]]))
    both = smoother.update([0, 0], np.array([[0, 0, 10, 10], [1, 0, 11, 10]]))
    assert both.tolist() == [[0, 0, 10, 10], [1, 0, 11, 10]]


@pytest.mark.parametrize('interval', [1, 2])
def test_a_video_comes_back_as_a_video(tmp_path, interval) -> None:
    file = tmp_path / 'walk.avi'
    levels = write_video(file, 8)
    results = [
        make_result(
            f'walk_{i:06d}',
            str(file),
            [[4, 4, 20, 16]],
            [0],
            [0.5],
            frame=i,
            file_name='deep/walk.avi',
            image=np.full((24, 32, 3), levels[i], np.uint8),
        )
        | dict(width=32, height=24)
        for i in range(0, 8, interval)
    ]
    picture = make_result('a', 'a.jpg', [], [], [])
    writer = VideoWriter(tmp_path, CLASSES, {'frame_interval': interval})
    out = write_all(writer, [picture, *results])
    assert [p.name for p in out.rglob('*.mp4')] == ['walk.mp4']
    video = mmcv.VideoReader(str(out / 'deep' / 'walk.mp4'))
    assert len(video) == len(results)
    assert video.fps == pytest.approx(10 / interval)
    last = video[len(results) - 1]
    assert last.shape == (24, 32, 3)
    # Away from box and tag the picture is as it was.
    grey = int(np.median(last[20:, 24:]))
    assert grey == pytest.approx(int(results[-1]['image'][0, 0, 0]), abs=12)
    # On the box there is another colour than grey.
    assert np.ptp(last[15].astype(int), axis=1).max() > 20
