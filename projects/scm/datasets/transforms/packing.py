# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Packing of images, labels and boxes for the model."""

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpretrain.datasets.transforms import PackInputs
from mmpretrain.registry import TRANSFORMS

from .box_checks import fit_annotation


@TRANSFORMS.register_module()
class PackWSOLInputs(PackInputs):
    """Pack an image with its label and its boxes.

    What MMPretrain's ``PackInputs`` packs, and:

    - ``gt_instances`` (:obj:`~mmengine.structures.InstanceData`) with
      ``bboxes``, float32 (n, 4), ``x0, y0, x1, y1`` in pixels of the image
      that goes into the model, and ``labels``, int64 (n,). Only if
      ``LoadAnnotations`` has loaded boxes.
    - ``instances`` among the meta information: the annotation as the dataset
      gives it, in pixels of the original image, cut where it leaves the
      image (``num_cut_boxes`` of them) and moved where it was made in another
      frame (``num_moved_boxes``). Evaluation
      rounds these boxes into its own frame and never touches
      ``gt_instances``.

    ``img_shape`` is (height, width) even after those transforms of
    MMPretrain that append the number of channels.

    **Required Keys:**

    - img
    - gt_label (optional)
    - gt_bboxes (optional), gt_bboxes_labels (optional, otherwise every box
      is of the class ``gt_label``)
    - ``*meta_keys`` (optional)

    **Added Keys:**

    - inputs (:obj:`torch.Tensor`): uint8 (3, height, width).
    - data_samples (:obj:`~mmpretrain.structures.DataSample`)

    Args:
        input_key (str): The key of the image. Defaults to 'img'.
        algorithm_keys (Sequence[str]): Further keys to pack as data. Defaults
            to an empty tuple.
        meta_keys (Sequence[str]): Keys to pack as meta information. Defaults
            to :attr:`DEFAULT_META_KEYS`.
    """

    DEFAULT_META_KEYS = (
        'sample_idx',
        'img_path',
        'ori_shape',
        'img_shape',
        'scale_factor',
        'flip',
        'flip_direction',
        'instances',
        'mask_files',
        'num_cut_boxes',
        'num_moved_boxes',
    )

    def __init__(
        self,
        input_key: str = 'img',
        algorithm_keys: tuple[str, ...] = (),
        meta_keys: tuple[str, ...] = DEFAULT_META_KEYS,
    ) -> None:
        super().__init__(input_key, algorithm_keys, meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack the results of a pipeline.

        Raises:
            ValueError: If a box lies outside its image, see
                :func:`~.box_checks.fit_annotation`.
        """
        # Without a transform that resizes, a changed size is that of a crop.
        results = {'scale_factor': (1.0, 1.0), **fit_annotation(results)}
        if 'img_shape' in results:
            shape = tuple(results['img_shape'][:2])
            results = {**results, 'img_shape': shape}
        packed = super().transform(results)
        if 'gt_bboxes' in results:
            bboxes = np.asarray(results['gt_bboxes'], dtype=np.float32)
            labels = results.get('gt_bboxes_labels')
            if labels is None:
                labels = np.full(len(bboxes), results['gt_label'])
            packed['data_samples'].gt_instances = InstanceData(
                bboxes=torch.from_numpy(bboxes.reshape(-1, 4)),
                labels=torch.as_tensor(labels, dtype=torch.int64),
            )
        return packed
