# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Which map finds the object, of a model and by the tool."""

import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from test_apis.conftest import write_cub
from test_apis.tiny_localizer import run_tool

from projects.scm.apis.map_statistics import (
    ImageMaps,
    describe_maps,
    read_maps,
)
from projects.scm.structures import normalize_score_map, resize_score_map
from projects.scm.visualization.map_sheet import draw_maps


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    """Three test pictures of 40×20, the object in the left half."""
    return write_cub(
        tmp_path_factory.mktemp('birds'),
        [(label, False, 40, 20) for label in (1, 2, 3)],
        bounding_boxes='0.0 0.0 20.0 20.0',
    )


@pytest.fixture
def config(tiny_files, data_root):
    cfg = Config.fromfile(tiny_files[0])
    cfg.test_dataloader.dataset.data_root = str(data_root)
    return cfg


def test_maps_are_those_of_the_head(config, tiny_files, inferencer, data_root):
    found = read_maps(config, tiny_files[1], progress_bar=False)
    assert len(found) == 3
    for i, image in enumerate(found, 1):
        assert image.frame_wh == (64, 64)
        # CUB's boxes are cut at the last row, 19 of 20.
        assert image.boxes.tolist() == [[0, 0, 32, 60.8]]
        file = next((data_root / 'images').glob(f'*/{i}.png'))
        (result,) = inferencer(str(file), target=i - 1)
        np.testing.assert_allclose(
            normalize_score_map(
                resize_score_map(image.maps['score'], (40, 20))
            ),
            result['score_maps'][0],
            atol=1e-3,
        )
        np.testing.assert_allclose(
            image.maps['attention'] * image.maps['semantic'],
            image.maps['score'],
            rtol=1e-6,
        )


def test_figures_of_maps_that_are_known():
    half = np.repeat([[1.0, 0.0]], 2, 0)
    whole = np.array([[1.0, 1.0], [1.0, 0.0]])
    boxes = np.array([[0, 0, 32, 64]])
    maps = {'attention': half, 'semantic': whole, 'score': half * whole}
    found = describe_maps([ImageMaps(maps, boxes, (64, 64))])
    assert found['attention']['gt_known'] == 100.0
    assert found['attention']['entropy'] == 0.5
    assert found['semantic']['entropy'] == pytest.approx(
        np.log(3) / np.log(4), abs=1e-4
    )
    assert found['attention']['inside'] > found['semantic']['inside']


def test_refuses(config, tiny_files):
    with pytest.raises(ValueError, match='at least 1, got 0'):
        read_maps(config, tiny_files[1], 0)
    config.model.head = dict(
        type='AttentionHead', in_channels=32, num_classes=7
    )
    with pytest.raises(TypeError, match='attention times semantic map'):
        read_maps(config, tiny_files[1])
    with pytest.raises(ValueError, match='at least one, got none'):
        draw_maps({})


def test_tool(config, tiny_files, data_root, tmp_path, capsys):
    out, drawing = tmp_path / 'maps.json', tmp_path / 'maps.png'
    run_tool(
        *('analysis_tools/map_statistics.py', tiny_files[0], tiny_files[1]),
        *('--images', 2, '--out', out, '--drawing', drawing, '--drawn', 2),
        *('--cfg-options', f'data_root={data_root}'),
    )
    content = json.loads(out.read_text())['tiny_localizer.pth']
    told = capsys.readouterr().out
    for name, row in content.items():
        assert f'| tiny_localizer | {name} | {row["gt_known"]:.1f} ' in told
    # Two images of three maps in one row.
    height, width = cv2.imread(str(drawing)).shape[:2]
    assert width > 6 * 112 > 3 * height
