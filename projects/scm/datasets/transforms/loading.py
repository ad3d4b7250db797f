# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Loads pictures of any depth as 8 bits a channel."""

import io
from collections.abc import Sequence
from typing import Any

import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio
from mmpretrain.registry import TRANSFORMS
from PIL import Image, ImageOps, UnidentifiedImageError

from projects.scm.utils.checks import check_positive
from projects.scm.utils.pictures import (
    array_to_8bit,
    image_to_8bit,
    why_undecoded,
)

from .exact_jpeg import decode_jpeg


@TRANSFORMS.register_module()
class Load8BitImage(LoadImageFromFile):
    """mmcv's ``LoadImageFromFile``, but 16 bits are scaled, not cut off.

    Pictures of 8 bits are the same to the last value, JPEGs of Pillow's
    backend by a faster decoder too, where simplejpeg is installed. Real and
    32-bit numbers are refused.

    **Required Keys:** img_path

    **Added Keys:** img, img_shape, ori_shape (of the image as it is in the
    file, with ``dct_scaled`` too), scale_factor (1, 1)

    Args:
        dct_scaled (tuple[int, int], optional): (width, height) that the
            pixels have to fill at least. Of JPEGs that are twice, four or
            eight times as large, the decoder then makes so much smaller
            ones from fewer coefficients (Pillow's ``draft``). That is
            faster, and after ``Resize`` the pixels are **not the same**.
            What follows must be :class:`ResizeFromOriginal`; datasets of
            this project see to it. Defaults to None, all pixels.
        **kwargs: Arguments of mmcv's ``LoadImageFromFile``.

    Raises:
        ValueError: If ``dct_scaled`` is no size, or the decoder is not
            Pillow's for colours.
    """

    def __init__(
        self, *, dct_scaled: tuple[int, int] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if dct_scaled is not None:
            sides = dct_scaled if isinstance(dct_scaled, Sequence) else ()
            for side in sides:
                check_positive(dct_scaled=side)
            if len(sides) != 2:
                raise ValueError(
                    'dct_scaled: expected (width, height) in pixels, found '
                    f'{dct_scaled!r}'
                )
            if (
                self.imdecode_backend != 'pillow'
                or not self.color_type.startswith('color')
            ):
                raise ValueError(
                    "dct_scaled: expected imdecode_backend='pillow' and "
                    f'colours, found {self.imdecode_backend!r} and '
                    f'color_type={self.color_type!r}'
                )
        self.dct_scaled = dct_scaled and tuple(dct_scaled)

    def transform(self, results: dict) -> dict | None:
        """Load the picture.

        Returns:
            dict | None: None if the file does not read and ``ignore_empty``
            is set.

        Raises:
            ValueError: If it is no picture, or its range of values is not
                known.
        """
        path = results['img_path']
        try:
            content = fileio.get(path, backend_args=self.backend_args)
            image, size = self._decode(content, path)
        except Exception as error:
            if self.ignore_empty:
                return None
            if isinstance(error, UnidentifiedImageError):
                reason = why_undecoded(error, content)
                raise ValueError(f'{path}: {reason}') from error
            raise
        if self.to_float32:
            image = image.astype(np.float32)
        results['img'] = image
        results['img_shape'] = results['ori_shape'] = size
        # Without a transform that resizes, a changed size is that of a crop.
        results['scale_factor'] = (1.0, 1.0)
        return results

    def _decode(
        self, content: bytes, path: str
    ) -> tuple[np.ndarray, tuple[int, int]]:
        """The pixels, and height and width of the picture."""
        if self.imdecode_backend == 'pillow':
            with Image.open(io.BytesIO(content)) as picture:
                if picture.mode[0] in 'IF':
                    small = image_to_8bit(picture, path)
                    return self._convert(small)
                if self.dct_scaled:
                    size = picture.size
                    picture.draft(None, self.dct_scaled)
                    if picture.size != size:
                        return self._convert(picture, size)
                if self.color_type in ('color', 'color_ignore_orientation'):
                    image = decode_jpeg(
                        content, picture, self.color_type == 'color'
                    )
                    if image is not None:
                        return image, image.shape[:2]
        image = mmcv.imfrombytes(
            content, flag=self.color_type, backend=self.imdecode_backend
        )
        if image is None:
            raise UnidentifiedImageError
        image = array_to_8bit(image, path)
        return image, image.shape[:2]

    def _convert(
        self, picture: Image.Image, size: tuple[int, int] | None = None
    ) -> tuple[np.ndarray, tuple[int, int]]:
        """BGR or grey, as mmcv makes it of other pictures.

        ``size`` is (width, height) of the picture that it was made from.
        """
        width, height = size or picture.size
        if not self.color_type.endswith('ignore_orientation'):
            if picture.getexif().get(0x0112, 1) > 4:  # on its side
                width, height = height, width
            picture = ImageOps.exif_transpose(picture)
        if self.color_type.startswith('color'):
            image = np.ascontiguousarray(
                np.array(picture.convert('RGB'))[..., ::-1]
            )
        else:
            image = np.array(picture)
        return image, (height, width)


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
