# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What datasets for localization share."""

import pickle
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from mmengine.fileio import get_file_backend, join_path
from mmengine.utils import is_abs

from projects.scm.structures import BoxError, FrameError
from projects.scm.utils.checks import check_flags

from .annotations import AnnotationTable, check_inside, locate_masks
from .transforms import (
    LoadCachedImage,
    check_box_transforms,
    insert_fit,
    use_original_sizes,
    use_pixel_cache,
)


class _Locator:
    """Joins listed paths to the folder of the images.

    Long lists have few folders: they are joined once each, not once an image.
    """

    def __init__(self, join: Callable[[str], str]) -> None:
        self.join = join
        self.folders: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        folder, _, name = path.rpartition('/')
        if not folder:
            return self.join(path)
        if folder not in self.folders:
            self.folders[folder] = self.join(folder)
        return f'{self.folders[folder]}/{name}'


class LocalizationMixin:
    """Splits, boxes and clear errors for a dataset of MMPretrain.

    Put before a dataset class of MMPretrain.

    - ``metainfo['split']`` tells what the figures of an evaluation were
      measured on, ``metainfo['with_boxes']`` whether there are boxes.
    - An item that cannot be prepared raises an error that names its image.
    - ``LoadAnnotations`` in a pipeline that would misplace boxes is refused;
      before it, boxes are fitted to the image that was read.
    - With ``pixel_cache`` the resized pixels come from there.

    Args:
        split (str): Name of the split.
        with_boxes (bool, optional): Whether to load boxes. Defaults to None,
            which means for every split but 'train'.
        meta_root (str, optional): Folder of the metadata of wsolevaluation,
            relative to ``data_root``. Defaults to None.
        images (str, optional): Folder of the images, relative to
            ``data_root``. Defaults to None, the ``data_prefix`` of the class.
        lazy_init (bool): Whether to read annotations when first used.
            Defaults to False.
        pixel_cache (str, optional): Folder of pixels that
            ``tools/dataset_converters/make_pixel_cache.py`` has made; see
            docs/datasets.md. Defaults to None, images are decoded.
        allow_outside (bool): Whether listed files may lie outside of their
            folders, by absolute paths or ``..``. Defaults to False.
        **kwargs: Arguments of the class of MMPretrain.
    """

    #: How the images are laid out, for messages.
    LAYOUT: str = ''

    _cached: LoadCachedImage | None = None
    #: Annotations with the places of their boxes, once some do not fit.
    _listed: tuple[AnnotationTable, dict[str, int]] | None = None

    def __init__(
        self,
        split: str,
        /,
        *,
        with_boxes: bool | None = None,
        meta_root: str | None = None,
        images: str | None = None,
        lazy_init: bool = False,
        pixel_cache: str | None = None,
        allow_outside: bool = False,
        **kwargs: Any,
    ) -> None:
        check_flags(allow_outside=allow_outside)
        if with_boxes is not None:
            check_flags(with_boxes=with_boxes)
        super().__init__(lazy_init=True, **kwargs)
        self.meta_root = (
            None if meta_root is None else self._resolve(meta_root)
        )
        if images is not None:
            self.data_prefix = {'img_path': self._resolve(images)}
        self.allow_outside = allow_outside
        self.split = split
        self.with_boxes = (
            split != 'train' if with_boxes is None else with_boxes
        )
        self._metainfo.update(split=split, with_boxes=self.with_boxes)
        # Who says that there are none keeps the pipeline of those who have.
        self._lists_none = with_boxes is False
        check_box_transforms(
            self.pipeline.transforms, self.with_boxes or self._lists_none
        )
        insert_fit(self.pipeline.transforms)
        use_original_sizes(self.pipeline.transforms)
        if pixel_cache is not None:
            self._cached = use_pixel_cache(
                self.pipeline.transforms, pixel_cache, self.data_root
            )
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Read the annotations, once; see MMEngine's ``BaseDataset``.

        Raises:
            PixelCacheError: If there is a cache of pixels that lacks images
                or has others.
        """
        read_before = self._fully_initialized
        super().full_init()
        if self._cached is not None and not read_before:
            self._cached.check(self.image_paths())

    def image_paths(self) -> list[str]:
        """Paths of all images, in their order."""
        return [
            self.get_data_info(index)['img_path'] for index in range(len(self))
        ]

    def _resolve(self, path: str) -> str:
        """Join a relative path to ``data_root``, as MMEngine does."""
        return path if is_abs(path) else join_path(self.data_root, path)

    def _locate(self, table: AnnotationTable) -> AnnotationTable:
        """Put the image folder before the paths of a table.

        Raises:
            ValueError: If a listed path leaves that folder.
        """
        if not self.allow_outside:
            check_inside(table.paths, self.img_prefix)
        backend = get_file_backend(self.img_prefix, enable_singleton=True)
        table.locate = _Locator(partial(backend.join_path, self.img_prefix))
        return table

    def _find_masks(self, table: AnnotationTable, root: str) -> None:
        """Put the folder of the masks before the paths of a table's masks."""
        table.masks = locate_masks(
            table.masks,
            table.paths,
            self._resolve(root),
            self.allow_outside,
        )

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        """Serialize the items for sharing them with workers.

        What MMEngine does, with the same result, but into one buffer: a
        NumPy array for each of a million images takes 400 MB on the way.

        Returns:
            tuple[np.ndarray, np.ndarray]: All items pickled, uint8, and the
            end of each, int64.
        """
        buffer = bytearray()
        ends = array('q')
        for item in self.data_list:
            buffer += pickle.dumps(item, protocol=4)
            ends.append(len(buffer))
        self.data_list.clear()
        return np.frombuffer(buffer, np.uint8), np.array(ends, np.int64)

    def get_data_info(self, idx: int) -> dict:
        """What is known of one image, see MMEngine's ``BaseDataset``."""
        info = super().get_data_info(idx)
        if self._lists_none:
            info['instances'] = []
        return info

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline for one image, see MMEngine's ``BaseDataset``.

        Raises:
            FileNotFoundError: If the image does not exist.
            ValueError: If it does not decode, or a transform fails; the cause
                is chained.
        """
        try:
            return super().prepare_data(idx)
        except FileNotFoundError as error:
            raise FileNotFoundError(f'{error}; {self.LAYOUT}') from error
        except Exception as error:
            path = self.get_data_info(idx)['img_path']
            if isinstance(error, (BoxError, FrameError)):
                lines = self.describe_misfit(path, error)
                raise ValueError('\n'.join(lines)) from error
            raise ValueError(
                f'{path} (image {idx} of the {self.split} split) could not '
                f'be read and transformed: {type(error).__name__}: {error}'
            ) from error

    def describe_misfit(self, path: str, error: ValueError) -> list[str]:
        """Say where the annotation lists what does not fit an image.

        Places are not kept for each box: the annotation is read again, once.

        Args:
            path (str): ``img_path`` of the image.
            error (ValueError): What :func:`fit_annotation` raised.

        Returns:
            list[str]: One problem each, with file, line, found and expected.
        """
        if self._listed is None:
            table = self.load_data_list()
            self._listed = (
                table,
                {item['img_path']: index for index, item in enumerate(table)},
            )
        table, indices = self._listed
        index = indices.get(path)
        problems = getattr(error, 'problems', {}) or {None: str(error)}
        lines = []
        for box, problem in problems.items():
            place = None if index is None else table.place(index, box)
            what = problem if box is None else f'box {problem}'
            lines.append(f'{place}: ' * bool(place) + f'{path}: {what}')
        return lines

    def extra_repr(self) -> list[str]:
        """Lines of the representation of the dataset."""
        return [
            *super().extra_repr(),
            f'Split: \t{self.split}',
            f'Boxes: \t{"loaded" if self.with_boxes else "not loaded"}',
        ]


def check_split(split: str, splits: Sequence[str], hint: str = '') -> None:
    """Refuse a split that a set has not."""
    if split not in splits:
        raise ValueError(f'split must be one of {splits}, got {split!r}{hint}')
