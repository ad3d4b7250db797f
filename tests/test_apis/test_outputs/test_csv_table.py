# Copyright (c) SCM-WSOL contributors. All rights reserved.
import csv

from test_apis.test_outputs.conftest import CLASSES

from projects.scm.apis.outputs import CsvWriter


def read(path):
    with path.open(newline='') as lines:
        return list(csv.DictReader(lines))


def test_csv(tmp_path, results) -> None:
    path = tmp_path / 'out' / 'results.csv'
    writer = CsvWriter(path.parent, CLASSES)
    assert read(path) == []
    for result in results:
        writer.add(result)
    rows = read(path)  # complete before the end
    assert writer.close() == path
    assert len(rows) == 4
    assert rows[0] == {
        'path': 'x/a.jpg',
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
    assert rows[2]['path'] == 'x/b,c.jpg'
    assert (rows[2]['class'], rows[2]['score']) == ('great bee', '0.75')
    assert rows[2]['x0'] == rows[2]['y1'] == ''
    assert (rows[3]['path'], rows[3]['frame'], rows[3]['x0']) == (
        'frames/v_000000.jpg',
        '0',
        '0.1',
    )
