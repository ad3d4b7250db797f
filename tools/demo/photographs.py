# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The photographs that demonstration images are composed of.

::

    photos
    ├── CREDITS.txt
    ├── train
    │   ├── classes/<name of class>/*.webp   RGBA: cut out
    │   ├── distractors/*.webp               RGBA: things of no class
    │   └── backgrounds/*.webp               RGB
    └── test                                 the same
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

SPLITS = ('train', 'test')
PHOTOS = Path(__file__).resolve().parent / 'photos'


@dataclass(frozen=True)
class Photographs:
    """Photographs of one split.

    Attributes:
        objects (list[list[np.ndarray]]): Of each class, cut-outs as RGBA,
            uint8, shape (H, W, 4), sides up to 160.
        distractors (list[np.ndarray]): Cut-outs of no class, RGBA.
        backgrounds (list[np.ndarray]): RGB, uint8, shape (H, W, 3), the
            longer side 220.
    """

    objects: list[list[np.ndarray]]
    distractors: list[np.ndarray]
    backgrounds: list[np.ndarray]


def load_photographs(
    split: str, class_names: list[str], root: Path = PHOTOS
) -> Photographs:
    """Load one split.

    Args:
        split (str): 'train' or 'test'. No photograph is in both.
        class_names (list[str]): Folders of the classes, in their order.
        root (Path): The folder shown above.

    Returns:
        Photographs: Sorted by file name.

    Raises:
        FileNotFoundError: If a folder holds no picture.
        ValueError: If a picture does not decode, or has the wrong channels.
    """
    folder = root / split
    return Photographs(
        [_load(folder / 'classes' / name, 4) for name in class_names],
        _load(folder / 'distractors', 4),
        _load(folder / 'backgrounds', 3),
    )


def _load(folder: Path, channels: int) -> list[np.ndarray]:
    files = sorted(folder.glob('*.webp'))
    if not files:
        raise FileNotFoundError(f'no *.webp in {folder}: is this a checkout?')
    pictures = []
    for file in files:
        data = np.frombuffer(file.read_bytes(), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise ValueError(f'{file} does not decode as a picture')
        if picture.ndim != 3 or picture.shape[2] != channels:
            raise ValueError(
                f'{file}: expected {channels} channels, but its shape is '
                f'{picture.shape}'
            )
        code = cv2.COLOR_BGRA2RGBA if channels == 4 else cv2.COLOR_BGR2RGB
        pictures.append(cv2.cvtColor(picture, code))
    return pictures
