# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""One rule for deep pictures, wherever pictures are read."""

import sys

import cv2
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from PIL import Image
from test_apis.tiny_localizer import CONFIG

from projects.scm.apis.loading import load_source
from projects.scm.apis.sources import Source
from projects.scm.datasets.transforms import Load8BitImage
from projects.scm.utils.pictures import array_to_8bit
from projects.scm.visualization.reading import read_picture

GREY = np.random.default_rng(0).integers(0, 1 << 16, (12, 15), np.uint16)
COLOR = np.random.default_rng(1).integers(0, 1 << 16, (12, 15, 3), np.uint16)


def by_localize(file: str) -> np.ndarray:
    """With mmcv's loader in the config, as users' own have."""
    loader = LoadImageFromFile(imdecode_backend='pillow')
    return load_source(Source('a', file), loader, True)['img']


def by_pipeline(file: str) -> np.ndarray:
    loader = Load8BitImage(
        imdecode_backend='pillow', color_type='color_ignore_orientation'
    )
    return loader({'img_path': file})['img']


def by_pipeline_of_opencv(file: str) -> np.ndarray:
    return Load8BitImage(imdecode_backend='cv2')({'img_path': file})['img']


def by_report(file: str) -> np.ndarray:
    return read_picture(file)[..., ::-1]


def by_onnx_example(file: str) -> np.ndarray:
    pytest.importorskip('onnxruntime')
    from pathlib import Path

    folder = str(Path(__file__).resolve().parents[2] / 'demo')
    sys.path.insert(0, folder)
    try:
        from onnx_boxes import read_picture as read
    finally:
        sys.path.remove(folder)
    return read(file)


WAYS = [
    by_localize,
    by_pipeline,
    by_pipeline_of_opencv,
    by_report,
    by_onnx_example,
]


@pytest.mark.parametrize('way', WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize('name', ['a.png', 'a.tif', 'a.pgm', 'a.jp2'])
def test_grey_16_bits(tmp_path, way, name) -> None:
    file = tmp_path / name
    if name == 'a.jp2':
        Image.fromarray(GREY).save(file, irreversible=False)
    else:
        cv2.imwrite(str(file), GREY)
    expected = (GREY // 256)[..., None].repeat(3, 2)
    assert np.array_equal(way(str(file)), expected)


@pytest.mark.parametrize('way', WAYS, ids=lambda way: way.__name__)
def test_colour_16_bits(tmp_path, way) -> None:
    file = tmp_path / 'a.png'
    cv2.imwrite(str(file), COLOR)
    assert np.array_equal(way(str(file)), COLOR // 256)


@pytest.mark.parametrize('way', WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize('kind', [np.float32, np.int32])
def test_unknown_ranges(tmp_path, way, kind) -> None:
    file = tmp_path / 'a.tif'
    Image.fromarray(GREY.astype(kind)).save(file)
    with pytest.raises(ValueError, match=r'a\.tif: '):
        way(str(file))


@pytest.mark.parametrize('way', WAYS, ids=lambda way: way.__name__)
def test_8_bits_are_as_ever(tmp_path, way) -> None:
    file = tmp_path / 'a.png'
    pixels = (COLOR // 256).astype(np.uint8)
    cv2.imwrite(str(file), pixels)
    assert np.array_equal(way(str(file)), pixels)


@pytest.mark.parametrize('mode', ['L', 'LA', 'P', 'RGBA', '1', 'CMYK'])
def test_other_modes_are_mmcvs(tmp_path, mode) -> None:
    file = str(tmp_path / ('a.tif' if mode == 'CMYK' else 'a.png'))
    Image.fromarray((COLOR // 256).astype(np.uint8)).convert(mode).save(file)
    options = dict(imdecode_backend='pillow')
    assert np.array_equal(
        Load8BitImage(**options)({'img_path': file})['img'],
        LoadImageFromFile(**options)({'img_path': file})['img'],
    )


def test_arrays() -> None:
    assert array_to_8bit(GREY, 'a').dtype == np.uint8
    with pytest.raises(ValueError, match=r'^a: has values of float64, whose'):
        array_to_8bit(GREY / 65535, 'a')


def test_configs_load_in_this_way(repo) -> None:
    """Training, validation and test, of all data sets."""
    from mmengine.config import Config

    assert 'LoadImageFromFile' in CONFIG  # localize has to replace it
    files = sorted((repo / 'configs').glob('*.py'))
    for file in files:
        assert 'LoadImageFromFile' not in Config.fromfile(file).pretty_text


def test_empty_results(tmp_path) -> None:
    loader = Load8BitImage(ignore_empty=True)
    assert loader({'img_path': str(tmp_path / 'none.png')}) is None
