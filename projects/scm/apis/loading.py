# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pictures as the test pipeline wants them."""

import copy

from mmcv.transforms import LoadImageFromFile
from mmpretrain.structures import DataSample

from projects.scm.datasets.transforms.loading import as_8bit

from .sources import Source

# By whether pictures are turned by their EXIF tag.
_ORIENTATIONS = {True: 'color', False: 'color_ignore_orientation'}


def load_source(
    source: Source, loader: LoadImageFromFile, upright: bool
) -> dict:
    """Read a picture as the test pipeline does, but for its EXIF tag.

    Args:
        source (Source): A picture.
        loader (LoadImageFromFile): Of the test pipeline.
        upright (bool): Whether to turn it by its EXIF tag.

    Returns:
        dict: ``img`` (H, W, 3) BGR, ``img_shape``, ``ori_shape`` and, but
        for arrays, ``img_path``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it does not decode.
    """
    if source.image is not None:
        shape = source.image.shape[:2]
        results = dict(img=source.image, img_shape=shape, ori_shape=shape)
        return results | ({'img_path': source.path} if source.path else {})
    loader = copy.copy(as_8bit(loader))
    loader.ignore_empty = False
    if loader.color_type in _ORIENTATIONS.values():
        loader.color_type = _ORIENTATIONS[upright]
    try:
        return loader({'img_path': source.path})
    except FileNotFoundError:
        raise
    except Exception as error:  # decoders raise all kinds
        reason = str(error).removeprefix(f'{source.path}: ')
        raise ValueError(
            f'{source.path}: does not read as a picture '
            f'({type(error).__name__}: {reason})'
        ) from error


def check_geometry(sample: DataSample, source: Source) -> None:
    """Refuse inputs that are not the whole picture, resized.

    Boxes are scaled from the model's input to the picture; after a crop, a
    padding or a flip they would be somewhere else.
    """
    height, width = sample.ori_shape[:2]
    frame_height, frame_width = sample.img_shape[:2]
    scale_w, scale_h = sample.get('scale_factor', (1.0, 1.0))
    if (
        abs(width * scale_w - frame_width) > 1
        or abs(height * scale_h - frame_height) > 1
        or sample.get('flip')
    ):
        raise ValueError(
            f'{source.name}: the test pipeline crops, pads or flips pictures '
            f'({width}x{height} to {frame_width}x{frame_height}), so boxes '
            'could not be placed in the original; it must resize them as a '
            'whole'
        )
