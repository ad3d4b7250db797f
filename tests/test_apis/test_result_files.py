# Copyright (c) SCM-WSOL contributors. All rights reserved.
import csv
import json

import numpy as np
import pytest

from projects.scm.apis.result_files import write_coco, write_csv, write_yolo

CLASSES = ('ant', 'great bee')


def result(name, path, boxes, labels, scores, **more):
    return dict(
        name=name,
        img_path=path,
        width=40,
        height=20,
        pred_label=1,
        pred_score=0.75,
        bboxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
        scores=np.array(scores, np.float32),
        **more,
    )


RESULTS = [
    result('a', 'x/a.jpg', [[4, 2, 24, 12], [0, 0, 40, 20]], [0, 1], [0.1, 1]),
    result('b', 'x/b,c.jpg', [], [], []),
    result('v_000003', 'v.mp4', [[0.1, 0, 10, 5]], [1], [0.5], frame=3),
]


def test_coco(tmp_path) -> None:
    file = write_coco(tmp_path / 'new', RESULTS, CLASSES, {'model': 'm.py'})
    assert file == tmp_path / 'new' / 'results.json'
    content = json.loads(file.read_text())
    assert content['info'] == {'model': 'm.py'}
    assert content['categories'][1] == {'id': 1, 'name': 'great bee'}
    assert content['images'] == [
        dict(id=1, file_name='x/a.jpg', width=40, height=20),
        dict(id=2, file_name='x/b,c.jpg', width=40, height=20),
        dict(
            id=3,
            file_name='v_000003.jpg',
            width=40,
            height=20,
            video='v.mp4',
            frame=3,
        ),
    ]
    assert content['annotations'][0] == dict(
        id=1,
        image_id=1,
        category_id=0,
        bbox=[4, 2, 20, 10],
        area=200,
        iscrowd=0,
        score=0.1,
    )
    assert [a['image_id'] for a in content['annotations']] == [1, 1, 3]


def test_coco_is_read_by_pycocotools(tmp_path, capsys) -> None:
    """As annotations and as results; measured on itself it is perfect."""
    coco = pytest.importorskip('pycocotools.coco')
    from pycocotools.cocoeval import COCOeval

    file = write_coco(tmp_path, RESULTS, CLASSES, {})
    annotations = coco.COCO(str(file))
    results = annotations.loadRes(json.loads(file.read_text())['annotations'])
    measured = COCOeval(annotations, results, 'bbox')
    measured.evaluate()
    measured.accumulate()
    measured.summarize()
    assert measured.stats[0] == pytest.approx(1)


def test_csv(tmp_path) -> None:
    file = write_csv(tmp_path, RESULTS, CLASSES)
    with file.open(newline='') as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 4
    assert rows[0] == {
        'image': 'x/a.jpg',
        'frame': '',
        'width': '40',
        'height': '20',
        'label': '0',
        'class': 'ant',
        'score': '0.1',
        'x0': '4.0',
        'y0': '2.0',
        'x1': '24.0',
        'y1': '12.0',
    }
    assert rows[2]['image'] == 'x/b,c.jpg'
    assert (rows[2]['class'], rows[2]['score']) == ('great bee', '0.75')
    assert rows[2]['x0'] == rows[2]['y1'] == ''
    assert (rows[3]['frame'], rows[3]['x0']) == ('3', '0.1')


def test_yolo(tmp_path) -> None:
    folder = write_yolo(tmp_path, RESULTS, CLASSES)
    assert folder == tmp_path / 'labels'
    assert (folder / 'a.txt').read_text() == (
        '0 0.350000 0.350000 0.500000 0.500000\n'
        '1 0.500000 0.500000 1.000000 1.000000\n'
    )
    assert (folder / 'b.txt').read_text() == ''
    assert sorted(f.name for f in folder.iterdir()) == [
        'a.txt',
        'b.txt',
        'v_000003.txt',
    ]
    assert (tmp_path / 'classes.txt').read_text() == 'ant\ngreat bee\n'
