# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json

import pytest
from test_apis.test_outputs.conftest import CLASSES, write_all

from projects.scm.apis.outputs import CocoWriter


def test_coco(tmp_path, results) -> None:
    out = tmp_path / 'new'
    file = write_all(CocoWriter(out, CLASSES, {'model': 'm.py'}), results)
    assert file == out / 'results.json'
    content = json.loads(file.read_text())
    assert content['info'] == {'model': 'm.py'}
    assert content['categories'] == [
        {'id': 1, 'name': 'ant'},
        {'id': 2, 'name': 'great bee'},
    ]
    assert content['images'] == [
        dict(id=1, file_name='x/a.jpg', width=40, height=20),
        dict(id=2, file_name='x/b,c.jpg', width=40, height=20),
        dict(
            id=3,
            file_name='frames/v_000000.jpg',
            width=40,
            height=20,
            video='v.mp4',
            frame=0,
        ),
    ]
    assert content['annotations'][0] == dict(
        id=1,
        image_id=1,
        category_id=1,
        bbox=[4, 2, 20, 10],
        area=200,
        iscrowd=0,
        score=0.1,
    )
    assert [a['image_id'] for a in content['annotations']] == [1, 1, 3]
    assert (out / content['images'][2]['file_name']).is_file()


def test_outlines_are_segmentations(tmp_path, results) -> None:
    results[0]['polygons'] = [[[4, 2, 24, 2, 24, 12]], [[0, 0, 40, 0, 0, 20]]]
    file = write_all(CocoWriter(tmp_path, CLASSES), results[:1])
    found = json.loads(file.read_text())['annotations']
    assert found[0]['segmentation'] == [[4, 2, 24, 2, 24, 12]]
    assert found[0]['bbox'] == [4, 2, 20, 10]


def test_it_is_read_by_pycocotools(tmp_path, results, capsys) -> None:
    """As annotations and as results; measured on itself it is perfect."""
    coco = pytest.importorskip('pycocotools.coco')
    from pycocotools.cocoeval import COCOeval

    file = write_all(CocoWriter(tmp_path, CLASSES), results)
    annotations = coco.COCO(str(file))
    found = annotations.loadRes(json.loads(file.read_text())['annotations'])
    measured = COCOeval(annotations, found, 'bbox')
    measured.evaluate()
    measured.accumulate()
    measured.summarize()
    assert measured.stats[0] == pytest.approx(1)


def test_it_is_written_while_results_come(
    tmp_path, results, monkeypatch
) -> None:
    monkeypatch.setattr(
        'projects.scm.apis.outputs.writer.FLUSH_INTERVAL_S', -1
    )
    writer = CocoWriter(tmp_path, CLASSES)
    for number, result in enumerate(results, 1):
        writer.add(result)
        content = json.loads((tmp_path / 'results.json').read_text())
        assert len(content['images']) == number
