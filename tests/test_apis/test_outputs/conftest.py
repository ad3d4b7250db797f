# Copyright (c) SCM-WSOL contributors. All rights reserved.
import cv2
import numpy as np
import pytest

CLASSES = ('ant', 'great bee')


def make_result(name, path, boxes, labels, scores, **more):
    return dict(
        name=name,
        img_path=path,
        file_name=more.pop('file_name', f'{name}.jpg'),
        width=40,
        height=20,
        pred_label=1,
        pred_score=0.75,
        bboxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
        scores=np.array(scores, np.float32),
        **more,
    )


@pytest.fixture
def results(tmp_path):
    """Two pictures of a folder, one of them without box, and a frame."""
    photos = tmp_path / 'photos'
    (photos / 'x').mkdir(parents=True)
    grey = np.full((20, 40, 3), 128, np.uint8)
    for name in ('a.jpg', 'b,c.jpg'):
        cv2.imwrite(str(photos / 'x' / name), grey)
    return [
        make_result(
            'x/a',
            str(photos / 'x/a.jpg'),
            [[4, 2, 24, 12], [0, 0, 40, 20]],
            [0, 1],
            [0.1, 1],
        ),
        make_result('x/b,c', str(photos / 'x/b,c.jpg'), [], [], []),
        make_result(
            'v_000000',
            'v.mp4',
            [[0.1, 0, 10, 5]],
            [1],
            [0.5],
            frame=0,
            file_name='v.mp4',
            image=grey,
        ),
    ]


def write_all(writer, results):
    for result in results:
        writer.add(result)
    return writer.close()
