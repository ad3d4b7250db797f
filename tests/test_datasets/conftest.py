# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Small sets on disk."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import projects.scm.register  # noqa: F401  before the first import of mmpretrain


def write_image(path: Path, width: int = 40, height: int = 30, seed: int = 0):
    """Write a noisy JPEG or PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )
    Image.fromarray(pixels).save(path)


CUB_FILES = {
    'images.txt': '1 001.Sea_Bird/a.jpg\n2 001.Sea_Bird/b.jpg\n'
    '3 002.Tern/c.jpg\n4 002.Tern/d.jpg\n',
    'image_class_labels.txt': '1 1\n2 1\n3 2\n4 2\n',
    'train_test_split.txt': '1 1\n2 0\n3 1\n4 0\n',
    'bounding_boxes.txt': '1 1.0 2.0 20.0 10.0\n2 0.0 0.0 40.0 30.0\n'
    '3 5.5 6.5 7.5 8.5\n4 3.0 4.0 30.0 20.0\n4 1.0 1.0 2.0 2.0\n',
    'classes.txt': '1 001.Sea_Bird\n2 002.Tern\n',
}
METADATA_FILES = {
    'image_ids.txt': 'val/x,1.JPEG\nval/y.JPEG\nval/z.JPEG',
    'class_labels.txt': 'val/z.JPEG,1\nval/x,1.JPEG,0\nval/y.JPEG,1',
    'image_sizes.txt': 'val/x,1.JPEG,40,30\nval/y.JPEG,40,30\n'
    'val/z.JPEG,500,375',
    'localization.txt': 'val/y.JPEG,1,2,30,20\nval/x,1.JPEG,0,0,40,30\n'
    'val/z.JPEG,44,93,499,374\nval/y.JPEG,2,3,10,11',
}


@pytest.fixture(name='write_image')
def _write_image():
    """A function that writes an image of noise."""
    return write_image


def write_files(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding='utf-8')
    return folder


@pytest.fixture
def cub_root(tmp_path) -> Path:
    """Four images of two classes in CUB's layout, one with two boxes."""
    root = write_files(tmp_path / 'cub', CUB_FILES)
    for line in CUB_FILES['images.txt'].splitlines():
        index, path = line.split()
        write_image(root / 'images' / path, seed=int(index))
    return root


@pytest.fixture
def metadata_folder(tmp_path) -> Path:
    """Metadata of wsolevaluation: three images, four boxes, no last newline.

    One path contains a comma, and the files are in different orders.
    """
    return write_files(tmp_path / 'metadata' / 'val', METADATA_FILES)
