# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""ImageNet-1K with boxes."""

from collections.abc import Sequence
from typing import Any

from mmengine.fileio import isdir, join_path
from mmpretrain.datasets import ImageNet
from mmpretrain.registry import DATASETS

from .annotations import (
    AnnotationTable,
    read_image_list,
    read_voc_boxes,
    read_wsoleval,
)
from .localization_mixin import LocalizationMixin, check_split

#: Splits of wsolevaluation's metadata -> what the images are. Its 'test' is
#: the validation set of ImageNet: thresholds chosen on that must not be taken
#: for thresholds of another set.
METADATA_SETS = {'train': 'train', 'val': 'imagenetv2', 'test': 'val'}


@DATASETS.register_module()
class ImageNetLocalization(LocalizationMixin, ImageNet):
    """ImageNet-1K with bounding boxes, often several in an image.

    ::

        imagenet
        ├── train
        │   ├── n01440764
        │   │   └── n01440764_10026.JPEG
        │   └── ...
        ├── val                     (flat, or with one folder a class)
        └── meta                    (optional)
            ├── train.txt
            └── val.txt

    Images and labels come from folders of classes or from a list, as in
    MMPretrain's ``ImageNet``. Boxes come from one of three published forms:

    - ``ann_file='…/val_folder_new.txt'``: the list of TS-CAM, lines
      ``<class>/<image> <label> <x0> <y0> <x1> <y1> …``;
    - ``xml_root='…/Annotations/CLS-LOC/val'``: the files of ILSVRC, added to
      images that are listed in any way;
    - ``meta_root='…/metadata/ILSVRC'``: images, labels and boxes that
      ``clovaai/wsolevaluation`` lists in ``<meta_root>/<split>/``. There, the
      split 'test' is the validation set of ImageNet, and 'val' is ImageNetV2
      (``val2``); paths begin with the folder (``val/…``). The split in the
      meta information is then 'val' and 'imagenetv2', which is what they are.

    ``bbox`` is ``x0, y0, x1, y1`` in pixels of the original image.

    Args:
        data_root (str): The folder. Defaults to ''.
        split (str): 'train' or 'val', and 'test' with ``meta_root``.
            Defaults to 'train'.
        meta_root (str, optional): Folder of the metadata of wsolevaluation,
            relative to ``data_root``. Defaults to None.
        xml_root (str, optional): Folder of XML files, relative to
            ``data_root``; subfolders are searched too. Defaults to None.
        data_prefix (str): Folder of the images, relative to ``data_root``.
            Defaults to '', which means the name of the split, and
            ``data_root`` itself with ``meta_root``.
        ann_file (str): List of images, relative to ``data_root``. Defaults
            to '', which means ``meta/<split>.txt`` if there is one, and
            otherwise the folders.
        **kwargs: ``with_boxes``, ``pixel_cache`` and others of
            :class:`LocalizationMixin`, and of mmpretrain's ``ImageNet``.

    Raises:
        FileNotFoundError: If a folder or an annotation file is missing.
        ValueError: If an argument or an annotation is wrong.
    """

    LAYOUT = (
        'expected the images of ImageNet at <data_root>/<data_prefix>/<path '
        'as listed>, for instance imagenet/val/n01751748/'
        'ILSVRC2012_val_00000001.JPEG'
    )

    def __init__(
        self,
        data_root: str = '',
        split: str = 'train',
        *,
        meta_root: str | None = None,
        xml_root: str | None = None,
        ann_file: str = '',
        **kwargs: Any,
    ) -> None:
        splits = ['train', 'val'] + ['test'] * (meta_root is not None)
        check_split(
            split,
            splits,
            ' (the labels of the test set are not public; wsolevaluation '
            'calls the validation set "test", which needs meta_root)',
        )
        if meta_root is not None and (ann_file or xml_root):
            raise ValueError(
                'meta_root lists images, labels and boxes: it cannot be '
                'combined with ann_file or xml_root'
            )
        self.xml_root = xml_root
        super().__init__(
            split,
            data_root=data_root,
            split=split if meta_root is None else '',
            meta_root=meta_root,
            ann_file=ann_file,
            **kwargs,
        )
        if meta_root is not None:
            self._metainfo['split'] = METADATA_SETS[split]

    def load_data_list(self) -> Sequence[dict]:
        """Read the annotations of the split.

        Returns:
            Sequence[dict]: ``img_path``, ``gt_label`` and, with boxes,
            ``instances``; ``width`` and ``height`` where they are known.
        """
        num_classes = len(self.CLASSES)
        if self.meta_root is not None:
            table = read_wsoleval(
                join_path(self.meta_root, self.split),
                with_boxes=self.with_boxes,
                num_classes=num_classes,
            )
            return self._locate(table)

        if not self.ann_file:
            return self._list_folders()
        table = read_image_list(
            self.ann_file,
            with_boxes=self.with_boxes and self.xml_root is None,
            num_classes=num_classes,
        )
        return self._locate(self._with_xml_boxes(table))

    def _list_folders(self) -> Sequence[dict]:
        """List the images of the class folders."""
        if self.with_boxes and self.xml_root is None:
            raise ValueError(
                f'{self.img_prefix}: folders have no boxes; give ann_file (a '
                'list with boxes), xml_root or meta_root, or set '
                'with_boxes=False'
            )
        if not isdir(self.img_prefix):
            raise FileNotFoundError(
                f'{self.img_prefix}: no such folder; {self.LAYOUT}'
            )
        records = super().load_data_list()
        table = AnnotationTable(
            [record['img_path'] for record in records],
            [record['gt_label'] for record in records],
        )
        return self._with_xml_boxes(table)

    def _with_xml_boxes(self, table: AnnotationTable) -> AnnotationTable:
        """Add boxes from ``xml_root``, if they are wanted and come from it."""
        if self.with_boxes and self.xml_root is not None:
            folder = self._resolve(self.xml_root)
            boxes, sizes = read_voc_boxes(table.paths, folder)
            return AnnotationTable(table.paths, table.labels, boxes, sizes)
        return table
