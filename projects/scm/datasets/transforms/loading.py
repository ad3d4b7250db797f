# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Loads pictures of any depth as 8 bits a channel."""

import io

import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio
from mmpretrain.registry import TRANSFORMS
from PIL import Image, ImageOps

from projects.scm.utils.pictures import array_to_8bit, image_to_8bit


@TRANSFORMS.register_module()
class Load8BitImage(LoadImageFromFile):
    """mmcv's ``LoadImageFromFile``, but 16 bits are scaled, not cut off.

    Pictures of 8 bits are the same to the last value. Real and 32-bit
    numbers are refused. For arguments see mmcv's.

    **Required Keys:** img_path

    **Added Keys:** img, img_shape, ori_shape
    """

    def transform(self, results: dict) -> dict | None:
        """Load the picture.

        Args:
            results (dict): Result dict of the pipeline.

        Returns:
            dict | None: The same dict; None if the file does not read and
            ``ignore_empty`` is set.

        Raises:
            ValueError: If its range of values is not known.
        """
        path = results['img_path']
        try:
            content = fileio.get(path, backend_args=self.backend_args)
            image = self._decode(content, path)
        except Exception:
            if self.ignore_empty:
                return None
            raise
        if self.to_float32:
            image = image.astype(np.float32)
        results['img'] = image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results

    def _decode(self, content: bytes, path: str) -> np.ndarray:
        if self.imdecode_backend == 'pillow':
            with Image.open(io.BytesIO(content)) as picture:
                deep = picture.mode[0] in 'IF'
                if deep:
                    return self._from_deep(picture, path)
        image = mmcv.imfrombytes(
            content, flag=self.color_type, backend=self.imdecode_backend
        )
        if image is None:
            raise ValueError(f'{path}: does not decode as a picture')
        return array_to_8bit(image, path)

    def _from_deep(self, picture: Image.Image, path: str) -> np.ndarray:
        """BGR or grey, as mmcv makes it of other pictures."""
        small = image_to_8bit(picture, path)
        if not self.color_type.endswith('ignore_orientation'):
            small = ImageOps.exif_transpose(small)
        if self.color_type.startswith('color'):
            return np.ascontiguousarray(
                np.array(small.convert('RGB'))[..., ::-1]
            )
        return np.array(small)


def as_8bit(loader: LoadImageFromFile) -> LoadImageFromFile:
    """Replace mmcv's own loader; leave loaders of others as they are."""
    if type(loader) is not LoadImageFromFile:
        return loader
    return Load8BitImage(
        to_float32=loader.to_float32,
        color_type=loader.color_type,
        imdecode_backend=loader.imdecode_backend,
        ignore_empty=loader.ignore_empty,
        backend_args=loader.backend_args,
    )
