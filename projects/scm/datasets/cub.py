# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""CUB-200-2011 and folders laid out like it, with boxes."""

from collections.abc import Sequence
from os.path import splitext
from typing import Any

from mmengine.fileio import exists, join_path
from mmpretrain.datasets import CUB
from mmpretrain.registry import DATASETS

from projects.scm.structures import MaskFiles

from .annotations import (
    CUB_LAYOUT,
    read_class_names,
    read_cub,
    read_wsoleval,
)
from .localization_mixin import LocalizationMixin, check_split

#: Grey value of CUB's masks above which more than half of the annotators,
#: 255 being all, say that there is the bird.
MOST_ANNOTATORS = 127


@DATASETS.register_module()
class CUBLocalization(LocalizationMixin, CUB):
    """CUB-200-2011 with bounding boxes, and any folder in its layout.

    ::

        CUB_200_2011
        ├── images
        │   ├── 001.Black_footed_Albatross
        │   │   └── Black_Footed_Albatross_0001_796111.jpg
        │   └── ...
        ├── images.txt
        ├── image_class_labels.txt
        ├── train_test_split.txt
        ├── bounding_boxes.txt      (only where boxes are loaded)
        └── classes.txt             (optional)

    Items are those of MMPretrain's ``CUB`` and, with boxes, ``instances``:
    ``bbox`` is ``x0, y0, x1, y1`` in pixels of the original image, where
    ``x1 = x + width``.

    The names of the classes are those of ``classes.txt``, without the number
    in front of them; without that file they are the 200 birds.

    With ``meta_root`` images, labels and boxes are those that
    ``clovaai/wsolevaluation`` lists in ``<meta_root>/<split>/``: the split
    ``val`` is CUBV2, ``train`` and ``test`` are those of CUB.

    Args:
        data_root (str): The folder.
        split (str): 'train' or 'test', and 'val' with ``meta_root``.
            Defaults to 'train'.
        meta_root (str, optional): Folder of the metadata of wsolevaluation,
            relative to ``data_root``. Defaults to None.
        data_prefix (str): Folder of the images, relative to ``data_root``.
            Defaults to 'images'.
        metainfo (dict, optional): Further meta information. Defaults to None.
        classes (str | Sequence[str], optional): Names of the classes, or a
            file with one a line. Defaults to None.
        mask_root (str, optional): Folder of the segmentations, relative to
            ``data_root``, laid out as the images are; for every split but
            'train'. Pixels that most of the annotators marked are the bird.
            Defaults to None, no masks.
        **kwargs: ``with_boxes``, ``pixel_cache`` and others of
            :class:`LocalizationMixin`, and of ``mmpretrain.datasets.CUB``.

    Raises:
        FileNotFoundError: If an annotation file is missing.
        ValueError: If an argument or an annotation is wrong.

    Examples:
        >>> from projects.scm.datasets import CUBLocalization
        >>> dataset = CUBLocalization('data/CUB_200_2011', split='test')
        >>> dataset.get_data_info(0)['instances']
        [{'bbox': [60.0, 27.0, 385.0, 331.0], 'bbox_label': 0, 'ignore_flag': 0}]
    """  # noqa: E501

    LAYOUT = CUB_LAYOUT

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        *,
        meta_root: str | None = None,
        data_prefix: str = 'images',
        metainfo: dict | None = None,
        classes: str | Sequence[str] | None = None,
        mask_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        splits = ['train', 'val', 'test']
        if meta_root is None:
            splits.remove('val')
        hint = '' if meta_root else ' (val, CUBV2, needs meta_root)'
        check_split(split, splits, hint)
        names_file = join_path(data_root, 'classes.txt')
        named = classes is not None or 'classes' in (metainfo or {})
        if not named and exists(names_file):
            classes = read_class_names(names_file)
        self.mask_root = None if split == 'train' else mask_root
        super().__init__(
            split,
            data_root=data_root,
            split='train' if split == 'train' else 'test',
            meta_root=meta_root,
            images=data_prefix,
            metainfo=metainfo,
            classes=classes,
            **kwargs,
        )

    def load_data_list(self) -> Sequence[dict]:
        """Read the annotations of the split.

        Returns:
            Sequence[dict]: ``img_path``, ``gt_label`` and, with boxes,
            ``instances``; ``width`` and ``height`` where they are known;
            with ``mask_root``, ``mask_files``.
        """
        options = {
            'with_boxes': self.with_boxes,
            'num_classes': len(self.CLASSES),
        }
        if self.meta_root is not None:
            folder = join_path(self.meta_root, self.split)
            table = read_wsoleval(folder, **options)
        else:
            table = read_cub(self.data_root, self.split, **options)
        if self.mask_root is not None:
            table.masks = [
                MaskFiles([f'{splitext(path)[0]}.png'], above=MOST_ANNOTATORS)
                for path in table.paths
            ]
            self._find_masks(table, self.mask_root)
        return self._locate(table)
