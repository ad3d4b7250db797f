# Copyright (c) SCM-WSOL contributors. All rights reserved.
import os

import cv2
import yaml
from test_apis.test_outputs.conftest import CLASSES, write_all

from projects.scm.apis.outputs import YoloWriter


def files(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob('*')
        if path.is_file()
    )


def test_yolo(tmp_path, results) -> None:
    file = write_all(YoloWriter(tmp_path / 'out', CLASSES), results)
    out = tmp_path / 'out' / 'yolo'
    assert file == out / 'data.yaml'
    assert yaml.safe_load(file.read_text()) == dict(
        train='images',
        val='images',
        names={0: 'ant', 1: 'great bee'},
    )
    assert files(out) == [
        'data.yaml',
        'images/v_000000.jpg',
        'images/x/a.jpg',
        'images/x/b,c.jpg',
        'labels/v_000000.txt',
        'labels/x/a.txt',
        'labels/x/b,c.txt',
    ]
    assert (out / 'labels/x/a.txt').read_text() == (
        '0 0.350000 0.350000 0.500000 0.500000\n'
        '1 0.500000 0.500000 1.000000 1.000000\n'
    )
    assert (out / 'labels/x/b,c.txt').read_text() == ''
    assert cv2.imread(str(out / 'images/v_000000.jpg')).shape == (20, 40, 3)


def test_outlines(tmp_path, results) -> None:
    results[0]['polygons'] = [
        [[4, 2, 24, 2, 24, 12]],
        [[0, 0, 40, 0, 0, 20], [20, 10, 40, 10, 40, 20]],
    ]
    write_all(YoloWriter(tmp_path, CLASSES), results[:1])
    assert (tmp_path / 'yolo/labels/x/a.txt').read_text() == (
        '0 0.100000 0.100000 0.600000 0.100000 0.600000 0.600000\n'
        '1 0.000000 0.000000 1.000000 0.000000 0.000000 1.000000\n'
        '1 0.500000 0.500000 1.000000 0.500000 1.000000 1.000000\n'
    )


def test_pictures_are_copied_where_links_are_not_to_be_had(
    tmp_path, results, monkeypatch
) -> None:
    def refuse(*_) -> None:
        raise OSError('another disk')

    monkeypatch.setattr(os, 'link', refuse)
    write_all(YoloWriter(tmp_path, CLASSES), results[:1])
    copy = tmp_path / 'yolo/images/x/a.jpg'
    assert copy.read_bytes() == (tmp_path / 'photos/x/a.jpg').read_bytes()
    assert not copy.samefile(tmp_path / 'photos/x/a.jpg')
