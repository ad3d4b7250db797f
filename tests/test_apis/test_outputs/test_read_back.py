# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_apis.test_outputs.conftest import CLASSES, write_all

from projects.scm.apis.outputs import FORMATS

READER = Path(__file__).with_name('peers_read_back.py')
PYTHON = os.environ.get('SCM_WSOL_PEERS_PYTHON')


@pytest.mark.skipif(
    PYTHON is None,
    reason='SCM_WSOL_PEERS_PYTHON names no Python with datumaro and '
    'label-studio-sdk',
)
@pytest.mark.optional
def test_the_tools_read_what_was_written(tmp_path, results) -> None:
    out = tmp_path / 'out'
    for name in ('cvat', 'label-studio', 'yolo'):
        write_all(FORMATS[name](out, CLASSES), results[:2])
    # Drawings, of another size, are not taken for pictures.
    drawn = out / 'pictures' / 'x' / 'a.jpg'
    drawn.parent.mkdir(parents=True)
    cv2.imwrite(str(drawn), np.zeros((50, 90, 3), np.uint8))
    done = subprocess.run(
        [PYTHON, READER, out], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    boxes = [['ant', 4, 2, 24, 12], ['great bee', 0, 0, 40, 20]]
    assert found['cvat'] == {'x/a': boxes, 'x/b,c': []}
    # Datumaro takes the folder for a split.
    assert found['yolo'] == {'x/a': boxes, 'x/b,c': []}
    exported = found['label_studio']
    names = {c['id']: c['name'] for c in exported['categories']}
    assert [
        [names[a['category_id']], *a['bbox']] for a in exported['annotations']
    ] == [['ant', 4, 2, 20, 10], ['great bee', 0, 0, 40, 20]]
    assert {a['image_id'] for a in exported['annotations']} == {0}
    assert exported['images'][0]['file_name'].endswith('x/a.jpg')
