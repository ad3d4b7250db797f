# Copyright (c) SCM-WSOL contributors. All rights reserved.
import cv2
import numpy as np
from test_apis.test_outputs.conftest import CLASSES, write_all

from projects.scm.apis.outputs import MaskWriter


def test_masks(tmp_path, results) -> None:
    results[0]['polygons'] = [
        [[4, 2, 23, 2, 23, 11, 4, 11]],
        [[0, 0, 1, 0, 1, 1]],
    ]
    results[1]['polygons'] = []
    out = write_all(MaskWriter(tmp_path, CLASSES), results[:2])
    mask = cv2.imread(str(out / 'x/a.png'), cv2.IMREAD_UNCHANGED)
    expected = np.zeros((20, 40), np.uint8)
    expected[2:12, 4:24] = 255
    expected[0, 0:2] = expected[1, 1] = 255
    assert mask.tolist() == expected.tolist()
    empty = cv2.imread(str(out / 'x/b,c.png'), cv2.IMREAD_UNCHANGED)
    assert empty.shape == (20, 40)
    assert not empty.any()
