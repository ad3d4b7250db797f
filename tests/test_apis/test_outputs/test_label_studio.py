# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json
from xml.etree import ElementTree

import pytest
from test_apis.test_outputs.conftest import write_all

from projects.scm.apis.outputs import LabelStudioWriter


def test_label_studio(tmp_path, results) -> None:
    names = ('ant', 'bee & "wasp"')
    writer = LabelStudioWriter(tmp_path, names, {'model': 'm.py'})
    tasks = json.loads(write_all(writer, results).read_text())
    assert [task['data']['image'] for task in tasks] == [
        '/data/local-files/?d=x/a.jpg',
        '/data/local-files/?d=x/b%2Cc.jpg',
        '/data/local-files/?d=frames/v_000000.jpg',
    ]
    [prediction] = tasks[0]['predictions']
    assert prediction['model_version'] == 'm.py'
    assert prediction['score'] == 1
    region = prediction['result'][0]
    assert (region['original_width'], region['original_height']) == (40, 20)
    value = region.pop('value')
    assert value.pop('rectanglelabels') == ['ant']
    assert value == pytest.approx(
        dict(x=10, y=10, width=50, height=50, rotation=0)
    )
    assert tasks[1]['predictions'][0]['result'] == []
    # The interface has the names that the regions refer to.
    root = ElementTree.parse(tmp_path / 'label_studio_config.xml').getroot()
    control = root.find('RectangleLabels')
    assert control.get('name') == region['from_name']
    assert control.get('toName') == region['to_name']
    assert root.find('Image').get('name') == region['to_name']
    assert [label.get('value') for label in control] == list(names)
