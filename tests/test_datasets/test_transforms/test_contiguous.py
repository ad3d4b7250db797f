# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
from mmpretrain.registry import TRANSFORMS

from projects.scm.datasets import ContiguousImage

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    'image',
    [
        PIXELS[..., ::-1],
        PIXELS[:, ::-1],
        PIXELS[::2, ::2],
        PIXELS[..., 0],
        PIXELS.transpose(1, 0, 2),
        PIXELS.astype(np.float32)[..., ::-1],
        np.concatenate([PIXELS, PIXELS], axis=2)[..., ::-1],
    ],
    ids=['bgr', 'mirrored', 'strided', 'grey', 'turned', 'float', 'six'],
)
def test_same_values_in_order(image):
    assert not image.flags.c_contiguous
    expected = image.copy()
    transform = TRANSFORMS.build({'type': 'ContiguousImage'})
    found = transform({'img': image, 'other': 1})
    assert found['other'] == 1
    assert found['img'].flags.c_contiguous
    assert found['img'].dtype == image.dtype
    np.testing.assert_array_equal(found['img'], expected)


def test_an_image_in_order_is_passed_through():
    assert ContiguousImage()({'img': PIXELS})['img'] is PIXELS
