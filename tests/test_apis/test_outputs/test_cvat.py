# Copyright (c) SCM-WSOL contributors. All rights reserved.
from xml.etree import ElementTree

from test_apis.test_outputs.conftest import CLASSES, write_all

from projects.scm.apis.outputs import CvatWriter


def test_cvat(tmp_path, results) -> None:
    results[2]['polygons'] = [[[0, 0, 10, 0, 5.5, 5]]]
    file = write_all(CvatWriter(tmp_path, CLASSES), results)
    root = ElementTree.parse(file).getroot()
    assert root.findtext('version') == '1.1'
    labels = root.findall('meta/task/labels/label')
    assert [label.findtext('name') for label in labels] == list(CLASSES)
    images = root.findall('image')
    assert [image.attrib for image in images] == [
        dict(id='0', name='x/a.jpg', width='40', height='20'),
        dict(id='1', name='x/b,c.jpg', width='40', height='20'),
        dict(id='2', name='frames/v_000000.jpg', width='40', height='20'),
    ]
    # as in CVAT's exports
    assert all((tmp_path / 'images' / i.get('name')).is_file() for i in images)
    assert [len(image) for image in images] == [2, 0, 2]
    assert images[0][0].attrib == dict(
        label='ant',
        source='auto',
        occluded='0',
        z_order='0',
        xtl='4.00',
        ytl='2.00',
        xbr='24.00',
        ybr='12.00',
    )
    assert images[2][1].get('points') == '0.00,0.00;10.00,0.00;5.50,5.00'
