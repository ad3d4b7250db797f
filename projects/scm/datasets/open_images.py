# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""OpenImages30k with masks."""

from collections.abc import Sequence
from typing import Any

from mmengine.fileio import join_path
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS

from .annotations import AnnotationTable, read_wsoleval
from .localization_mixin import LocalizationMixin, check_split


@DATASETS.register_module()
class OpenImagesLocalization(LocalizationMixin, BaseDataset):
    """OpenImages30k, the set of ``clovaai/wsolevaluation`` with masks.

    ::

        OpenImages
        ├── train
        │   └── 0bt9lr
        │       └── 1c0a3dd14a8a0b5b.jpg
        ├── val                     images and masks (.png)
        ├── test                    images and masks (.png)
        └── metadata                (wsolevaluation's metadata/OpenImages)
            ├── train
            │   ├── image_ids.txt
            │   └── class_labels.txt
            ├── val                 and localization.txt
            └── test                and localization.txt

    Items have ``mask_files``, for every split but 'train', and no boxes. A
    picture may have several masks, of one class, and one of what is not
    judged.

    Args:
        data_root (str): The folder.
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        meta_root (str): Folder of the lists, relative to ``data_root``.
            Defaults to 'metadata'.
        mask_root (str): Folder of the masks, relative to ``data_root``.
            Defaults to '', ``data_root`` itself.
        metainfo (dict, optional): Further meta information. Defaults to None.
        classes (str | Sequence[str], optional): Names of the classes, or a
            file with one a line. Defaults to None: the folders' names, ids
            of Freebase.
        **kwargs: ``data_prefix``, folder of the images, relative to
            ``data_root`` (by default that itself), ``pixel_cache`` and others
            of :class:`LocalizationMixin`, and of
            ``mmpretrain.datasets.BaseDataset``.

    Raises:
        FileNotFoundError: If a list or a mask is missing.
        ValueError: If an argument or a list is wrong.
    """

    LAYOUT = (
        'expected the images of OpenImages30k at <data_root>/<split>/<class>/'
        '<image> as its lists say'
    )

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        *,
        meta_root: str = 'metadata',
        mask_root: str = '',
        metainfo: dict | None = None,
        classes: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        check_split(split, ['train', 'val', 'test'])
        self.lists = join_path(data_root, meta_root, split)
        self._read: AnnotationTable | None = None
        if classes is None and 'classes' not in (metainfo or {}):
            self._read = self._read_lists(split)
            classes = _folder_names(self._read)
        self.mask_root = mask_root
        super().__init__(
            split,
            ann_file='',
            data_root=data_root,
            metainfo=metainfo,
            classes=classes,
            # There are none: said for the splits whose pipeline loads boxes.
            with_boxes=None if split == 'train' else False,
            **kwargs,
        )

    def load_data_list(self) -> Sequence[dict]:
        """Read the lists of the split.

        Returns:
            Sequence[dict]: ``img_path``, ``gt_label`` and, but for the
            training images, ``mask_files``.
        """
        table, self._read = self._read, None
        if table is None:
            table = self._read_lists(self.split, len(self.CLASSES))
        if table.masks is not None:
            self._find_masks(table, self.mask_root)
        return self._locate(table)

    def _read_lists(
        self, split: str, num_classes: int | None = None
    ) -> AnnotationTable:
        return read_wsoleval(
            self.lists,
            with_boxes=False,
            with_masks=split != 'train',
            num_classes=num_classes,
        )


def _folder_names(table: AnnotationTable) -> list[str]:
    """Names of the classes, by the folder of their first image."""
    names = [str(label) for label in range(int(max(table.labels)) + 1)]
    for path, label in zip(table.paths, table.labels, strict=True):
        names[label] = path.rpartition('/')[0].rpartition('/')[2] or str(label)
    return names
