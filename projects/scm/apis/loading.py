# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pictures as the test pipeline wants them."""

import copy

from mmcv.transforms import LoadImageFromFile

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
