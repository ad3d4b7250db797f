# Copyright (c) SCM-WSOL contributors. All rights reserved.
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_apis.tiny_localizer import (
    CLASSES,
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


def write_cub(
    root: Path, images: Sequence[tuple[int, int, int, int]], **files: str
) -> Path:
    """Pictures in CUB's layout, with the classes of the tiny localizer.

    Args:
        root: Folder that receives them.
        images: Class from 1, whether of the training split, width, height.
        files: What further lists say of every picture.
    """
    lists = dict(images=[], image_class_labels=[], train_test_split=[])
    for i, (label, is_train, width, height) in enumerate(images, 1):
        path = f'{label:03d}.{CLASSES[label - 1]}/{i}.png'
        file = root / 'images' / path
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), blobs(width, height, i))
        lists['images'].append(path)
        lists['image_class_labels'].append(label)
        lists['train_test_split'].append(int(is_train))
    for name, text in files.items():
        lists[name] = [text] * len(images)
    lists['classes'] = CLASSES
    for name, values in lists.items():
        text = ''.join(f'{i} {value}\n' for i, value in enumerate(values, 1))
        (root / f'{name}.txt').write_text(text)
    return root


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
