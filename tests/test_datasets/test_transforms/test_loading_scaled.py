# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""JPEGs that are decoded smaller: other pixels, the same geometry."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.registry import DATASETS
from PIL import Image

from projects.scm.datasets.transforms import Load8BitImage

PILLOW = dict(imdecode_backend='pillow')


@pytest.fixture
def photograph(tmp_path):
    """512 x 384 pixels, smooth, on its side."""
    y, x = np.mgrid[:384, :512]
    pixels = np.stack([x / 2, y / 2, (x + y) / 4], 2).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / 'smooth.jpg'
    Image.fromarray(pixels).save(path, quality=95, exif=exif)
    Image.fromarray(pixels).save(tmp_path / 'smooth.png')
    return str(path)


@pytest.mark.parametrize(
    ('wanted', 'factor'),
    [((96, 96), 4), ((97, 96), 4), ((96, 97), 2), ((48, 48), 8), ((8, 8), 8)],
)
def test_pixels_are_those_of_blocks(photograph, wanted, factor):
    results = Load8BitImage(
        dct_scaled=wanted, color_type='color_ignore_orientation', **PILLOW
    )({'img_path': photograph})
    assert results['ori_shape'] == results['img_shape'] == (384, 512)
    height, width = 384 // factor, 512 // factor
    assert results['img'].shape == (height, width, 3)
    with Image.open(photograph) as image:
        full = np.array(image)[..., ::-1].astype(float)
    blocks = full.reshape(height, factor, width, factor, 3).mean((1, 3))
    assert np.abs(results['img'] - blocks).max() < 3  # BGR, in place


def test_turned_images_are_turned(photograph):
    plain = Load8BitImage(**PILLOW)({'img_path': photograph})
    small = Load8BitImage(dct_scaled=(96, 96), **PILLOW)(
        {'img_path': photograph}
    )
    assert plain['ori_shape'] == small['ori_shape'] == (512, 384)
    assert small['img'].shape == (128, 96, 3)
    blocks = plain['img'].reshape(128, 4, 96, 4, 3).mean((1, 3))
    assert np.abs(small['img'] - blocks).max() < 3


def test_what_cannot_be_scaled_is_the_same(photograph):
    for path, wanted in (
        (photograph, (300, 200)),  # half of it would be too small
        (photograph.replace('.jpg', '.png'), (96, 96)),
    ):
        plain = Load8BitImage(**PILLOW)({'img_path': path})
        small = Load8BitImage(dct_scaled=wanted, **PILLOW)({'img_path': path})
        np.testing.assert_array_equal(small['img'], plain['img'])
        assert small['ori_shape'] == plain['ori_shape']


def test_wrong_options_are_named():
    with pytest.raises(ValueError, match=r'dct_scaled.*got 0'):
        Load8BitImage(dct_scaled=(96, 0), **PILLOW)
    with pytest.raises(ValueError, match="found 'cv2'"):
        Load8BitImage(dct_scaled=(96, 96))
    with pytest.raises(ValueError, match="color_type='grayscale'"):
        Load8BitImage(dct_scaled=(96, 96), color_type='grayscale', **PILLOW)


def test_samples_of_a_dataset_keep_their_geometry(repo, cub_root):
    """Boxes, scale factor and sizes are those of the ordinary pipeline."""
    init_default_scope('mmpretrain')
    for path in (cub_root / 'images').rglob('*.jpg'):
        with Image.open(path) as image:
            image.resize((520, 480), Image.BILINEAR).save(path)
    boxes = cub_root / 'bounding_boxes.txt'
    boxes.write_text(boxes.read_text().replace('40.0 30.0', '510.0 470.5'))
    cfg = Config.fromfile(repo / 'configs/_base_/datasets/cub_224.py')
    config = cfg.test_dataloader.dataset
    config.data_root = str(cub_root)
    (plain, *_) = DATASETS.build(config)
    config.pipeline[0].dct_scaled = (224, 224)
    dataset = DATASETS.build(config)
    assert dataset.pipeline.transforms[0].dct_scaled == (224, 224)
    (small, *_) = dataset
    one, other = plain['data_samples'], small['data_samples']
    for key in one.metainfo_keys():
        assert getattr(one, key) == getattr(other, key), key
    assert torch.equal(one.gt_instances.bboxes, other.gt_instances.bboxes)
    assert one.gt_instances.bboxes[0, 2] == pytest.approx(510 * 224 / 520)
    difference = (plain['inputs'].int() - small['inputs'].int()).abs()
    assert 0 < difference.float().mean() < 5
    del config.pipeline[3]  # Resize
    with pytest.raises(ValueError, match='dct_scaled: expected a pipeline'):
        DATASETS.build(config)
