# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pixels of other sizes than the image: cached, or decoded smaller."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from mmcv.transforms import (
    BaseTransform,
    LoadAnnotations,
    LoadImageFromFile,
    Resize,
)
from mmpretrain.registry import TRANSFORMS
from PIL import __version__ as pillow_version
from PIL import features

from ..pixel_cache import PixelCache, PixelCacheError, image_keys
from .box_checks import FitAnnotation
from .contiguous import ContiguousImage
from .loading import Load8BitImage

#: Images that are made again and compared when a cache is opened.
NUM_COMPARED = 8


@TRANSFORMS.register_module()
class ResizeFromOriginal(Resize):
    """mmcv's ``Resize`` of an image that was loaded at another size.

    Boxes are in pixels of the original image, so ``scale_factor`` is that of
    ``img_shape`` as the loader has set it, not that of the pixels. Pixels
    that have the size already are left alone. For arguments see mmcv's.

    **Required Keys:** img, img_shape

    **Modified Keys:** img, img_shape, gt_bboxes

    **Added Keys:** scale, scale_factor, keep_ratio
    """

    def _resize_img(self, results: dict) -> None:
        height, width = results['img_shape'][:2]
        if results['img'].shape[1::-1] == tuple(results['scale']):
            results['keep_ratio'] = self.keep_ratio
        else:
            super()._resize_img(results)
        new_height, new_width = results['img'].shape[:2]
        results['img_shape'] = (new_height, new_width)
        results['scale_factor'] = (new_width / width, new_height / height)


class PixelSteps(NamedTuple):
    """The steps of a pipeline that make the pixels which can be cached.

    Args:
        loader (LoadImageFromFile): The first step.
        resize (Resize): The first step that changes pixels.
        place (int): Where ``resize`` is in the pipeline.
    """

    loader: LoadImageFromFile
    resize: Resize
    place: int

    @property
    def settings(self) -> dict[str, Any]:
        """What the pixels depend on, but for the images."""
        return {
            'format': 1,
            'size': list(self.resize.scale),
            'interpolation': self.resize.interpolation,
            'resize_backend': self.resize.backend or 'cv2',
            'decoder': self.loader.imdecode_backend,
            'color_type': self.loader.color_type,
            'dct_scaled': getattr(self.loader, 'dct_scaled', None),
        }

    def make(self, path: str) -> tuple[np.ndarray, tuple[int, int]]:
        """Make the pixels of an image as the pipeline does.

        Args:
            path (str): Its path.

        Returns:
            tuple[np.ndarray, tuple[int, int]]: uint8 (height, width, 3), and
            height and width of the image before.

        Raises:
            FileNotFoundError: If it does not exist.
            ValueError: If it cannot be read; names it.
        """
        try:
            results = self.loader.transform({'img_path': path})
            size = results['ori_shape'][:2]
            results = self.resize(ContiguousImage()(results))
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(
                f'{path}: {type(error).__name__}: {error}'
            ) from error
        return results['img'], size


def find_pixel_steps(transforms: Sequence[Any]) -> PixelSteps:
    """Find the steps of a pipeline whose result can be kept.

    Args:
        transforms (Sequence): A pipeline, built.

    Returns:
        PixelSteps: They.

    Raises:
        ValueError: If the pipeline does not begin by loading colour images
            and resizing them to one size; names the step.
    """
    begins = (
        'pixel_cache and dct_scaled: expected a pipeline that begins with '
        'Load8BitImage, then Resize to one size (keep_ratio=False), between '
        'them only ContiguousImage and LoadAnnotations'
    )
    if not transforms:
        raise ValueError(f'{begins}; found none')
    loader = transforms[0]
    if (
        type(loader) not in (Load8BitImage, LoadImageFromFile)
        or loader.to_float32
        or not loader.color_type.startswith('color')
    ):
        raise ValueError(
            f'{begins}; found {loader} at first, of which color '
            'images of 8 bits can be kept'
        )
    passed = (ContiguousImage, FitAnnotation, LoadAnnotations)
    for place, step in enumerate(transforms[1:], 1):
        if type(step) in (Resize, ResizeFromOriginal):
            if step.keep_ratio or not step.scale:
                raise ValueError(f'{begins}; found {step}')
            return PixelSteps(loader, step, place)
        if type(step) not in passed:
            raise ValueError(f'{begins}; found {step}')
    raise ValueError(f'{begins}; found no Resize')


class LoadCachedImage(BaseTransform):
    """Take the resized pixels of an image from a cache.

    **Required Keys:** img_path

    **Added Keys:** img, img_shape, ori_shape (of the image, not the pixels:
    :class:`ResizeFromOriginal` follows)

    Args:
        cache (PixelCache): Opened.
        steps (PixelSteps): Which it replaces.
        root (str): Folder of the data set.
    """

    def __init__(
        self, cache: PixelCache, steps: PixelSteps, root: str
    ) -> None:
        self.cache = cache
        self.steps = steps
        self.root = root

    def transform(self, results: dict) -> dict:
        """Load the pixels.

        Raises:
            PixelCacheError: If the cache has no such image.
        """
        (row,) = self.find([results['img_path']])
        if row < 0:
            raise PixelCacheError(self._lacks(1, 1, results['img_path']))
        image, size = self.cache.read(row)
        results['img'] = image
        results['img_shape'] = results['ori_shape'] = size
        return results

    def find(self, paths: Sequence[str]) -> np.ndarray:
        """Places of images in the cache, -1 for none."""
        return self.cache.find(image_keys(paths, self.root))

    def _lacks(self, missing: int, count: int, path: str) -> str:
        return (
            f'{self.cache.folder}: lacks {missing} of {count} images, for '
            f'instance {path}: it is not ready, or the list has changed; '
            f'{self.cache.cure()}, which goes on where it stopped'
        )

    def check(self, paths: Sequence[str]) -> None:
        """Refuse a cache that lacks images or has other pixels for some.

        :data:`NUM_COMPARED` images, evenly spread, are made again. That
        finds images that were replaced under the same names, and another
        version of the decoder with other results.

        Args:
            paths (Sequence[str]): All images.

        Raises:
            PixelCacheError: If so.
        """
        rows = self.find(paths)
        missing = np.flatnonzero(rows < 0)
        if len(missing):
            first = paths[missing[0]]
            raise PixelCacheError(self._lacks(len(missing), len(rows), first))
        places = np.linspace(0, len(rows) - 1, NUM_COMPARED).astype(int)
        for place in sorted(set(places.tolist())) if len(rows) else ():
            self.compare(paths[place], rows[place])

    def compare(self, path: str, row: int) -> None:
        """Make the pixels of one image again.

        Args:
            path (str): The image. If it is not there, nothing is compared.
            row (int): Its place in the cache.

        Raises:
            PixelCacheError: If they differ.
        """
        try:
            expected, size = self.steps.make(path)
        except FileNotFoundError:
            return
        found, cached_size = self.cache.read(row)
        if cached_size == tuple(size) and np.array_equal(found, expected):
            return
        height, width = size
        raise PixelCacheError(
            f'{path}: is {width}x{height} pixels, and its cached pixels, of '
            f'an image of {cached_size[1]}x{cached_size[0]}, are not those '
            f'that Pillow {pillow_version} with libjpeg '
            f'{features.version("jpg")} and the pipeline make of it: the '
            'images were changed, or another release of the decoder made the '
            f'cache. Remove {self.cache.folder} and {self.cache.cure()}'
        )

    def __repr__(self) -> str:
        return f'{type(self).__name__}(cache={str(self.cache.folder)!r})'


def use_pixel_cache(
    transforms: list[Any], folder: str, root: str
) -> LoadCachedImage:
    """Let a pipeline take its resized pixels from a cache, in place.

    Args:
        transforms (list): A pipeline, built.
        folder (str): Of the caches of the data set.
        root (str): Of the data set.

    Returns:
        LoadCachedImage: The new first step.

    Raises:
        PixelCacheError: If there is no cache of these settings, or it is
            damaged.
        ValueError: If the pipeline cannot have one.
    """
    steps = find_pixel_steps(transforms)
    cache = PixelCache(folder, steps.settings).open()
    transforms[steps.place] = resize_from_original(steps.resize)
    transforms[0] = loader = LoadCachedImage(cache, steps, root)
    return loader


def resize_from_original(resize: Resize) -> ResizeFromOriginal:
    """The same resizing, of an image that was loaded at another size."""
    if isinstance(resize, ResizeFromOriginal):
        return resize
    return ResizeFromOriginal(
        scale=resize.scale,
        scale_factor=resize.scale_factor,
        keep_ratio=resize.keep_ratio,
        clip_object_border=resize.clip_object_border,
        backend=resize.backend,
        interpolation=resize.interpolation,
    )


def use_original_sizes(transforms: list[Any]) -> None:
    """Let what follows an image that is decoded smaller know it, in place.

    Args:
        transforms (list): A pipeline, built. Without ``dct_scaled`` nothing
            is done.

    Raises:
        ValueError: If its loader has ``dct_scaled`` and is not followed by
            ``Resize`` to one size.
    """
    if transforms and getattr(transforms[0], 'dct_scaled', None):
        steps = find_pixel_steps(transforms)
        transforms[steps.place] = resize_from_original(steps.resize)
