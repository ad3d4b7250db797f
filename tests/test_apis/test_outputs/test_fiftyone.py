# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json

import cv2
import numpy as np
import pytest
from test_apis.test_outputs.conftest import CLASSES, write_all

from projects.scm.apis.outputs import FiftyOneWriter


@pytest.fixture
def written(tmp_path, results):
    ramp = np.linspace(0, 1, 40, dtype=np.float32)
    for result in results:
        result['score_maps'] = [np.tile(ramp, (20, 1))]
    folder = write_all(FiftyOneWriter(tmp_path / 'out', CLASSES), results)
    assert folder == tmp_path / 'out' / 'fiftyone'
    return folder


def test_boxes_are_shares_of_the_picture(written) -> None:
    samples = json.loads((written / 'samples.json').read_text())['samples']
    first, without, frame = samples
    boxes = first['predictions']['detections']
    assert [b['bounding_box'] for b in boxes] == [
        pytest.approx([0.1, 0.1, 0.5, 0.5]),
        [0, 0, 1, 1],
    ]
    assert [b['label'] for b in boxes] == ['ant', 'great bee']
    assert [b['confidence'] for b in boxes] == [0.1, 1]
    assert without['predictions']['detections'] == []
    assert without['predicted_class'] == dict(
        _cls='Classification', label='great bee', confidence=0.75
    )
    assert frame['filepath'] == 'data/frames/v_000000.jpg'
    metadata = json.loads((written / 'metadata.json').read_text())
    assert metadata['info']['default_classes'] == list(CLASSES)
    # With it FiftyOne would expect another form.
    assert 'version' not in metadata


def test_pictures_and_maps_lie_where_samples_say(written) -> None:
    samples = json.loads((written / 'samples.json').read_text())['samples']
    for sample in samples:
        picture = cv2.imread(str(written / sample['filepath']))
        assert picture.shape == (20, 40, 3)
        path = written / sample['heatmap']['map_path']
        levels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert levels.shape == (20, 40)
        assert levels.dtype == np.uint8
        expected = np.rint(np.linspace(0, 1, 40, dtype=np.float32) * 255)
        np.testing.assert_array_equal(levels[7], expected)
        assert sample['heatmap']['range'] == [0, 255]


def test_without_maps_there_is_no_heatmap(tmp_path, results) -> None:
    folder = write_all(FiftyOneWriter(tmp_path, CLASSES), results[:1])
    content = json.loads((folder / 'samples.json').read_text())
    assert 'heatmap' not in content['samples'][0]
    assert not (folder / 'fields').exists()
