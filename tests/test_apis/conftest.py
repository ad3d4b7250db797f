# Copyright (c) SCM-WSOL contributors. All rights reserved.
import cv2
import numpy as np
import pytest
from test_apis.tiny_localizer import (
    build_model,
    write_checkpoint,
    write_config,
)

from projects.scm.apis import WSOLInferencer


def blobs(width: int, height: int, seed: int) -> np.ndarray:
    """A smooth random picture, uint8 (height, width, 3)."""
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope='session')
def tiny_files(tmp_path_factory):
    """Config and checkpoint of the tiny localizer."""
    folder = tmp_path_factory.mktemp('model')
    return write_config(folder), write_checkpoint(folder, build_model())


@pytest.fixture(scope='session')
def inferencer(tiny_files):
    return WSOLInferencer(*tiny_files, device='cpu')


@pytest.fixture(scope='session')
def photos(tmp_path_factory):
    """Five pictures of different sizes, and other files beside them."""
    folder = tmp_path_factory.mktemp('photos')
    sizes = [(90, 60), (64, 64), (50, 200), (300, 40), (33, 31)]
    for index, size in enumerate(sizes):
        cv2.imwrite(str(folder / f'{index}.png'), blobs(*size, index))
    (folder / 'CREDITS.txt').write_text('nobody')
    (folder / 'deeper').mkdir()
    return folder
