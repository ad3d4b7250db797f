# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A localization model in the clothes of a detector."""

from typing import Any, NoReturn

import torch
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmpretrain.registry import MODELS as CLASSIFIERS
from mmpretrain.structures import DataSample
from torch import Tensor

from projects.scm.structures.localization import NAMELESS


@MODELS.register_module()
class WSOLDetector(BaseDetector):
    """A classifier of this project, usable wherever mmdet wants a detector.

    It predicts what the classifier's head gives as ``pred_instances``: the
    boxes of the predicted class, with its probability, in pixels of the
    original image. Checkpoints are those of the classifier. It is trained as
    a classifier too, by ``tools/train.py``, not here.

    The pipeline must resize whole images to one size, ``Resize`` with
    ``keep_ratio=False``, and must not pad.

    Args:
        classifier (dict): ``model`` of a config of this project.
        class_agnostic (bool): Whether all boxes get the label 0, named
            ``object``, for data without classes. Defaults to False.
        data_preprocessor (dict, optional): mmdet's ``DetDataPreprocessor``
            with mean and standard deviation of the classifier's own. Defaults
            to None.
    """

    def __init__(
        self,
        classifier: dict,
        class_agnostic: bool = False,
        data_preprocessor: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor)
        self.classifier = CLASSIFIERS.build(
            {'_scope_': 'mmpretrain', **classifier}
        )
        self.class_agnostic = class_agnostic
        self._dataset_meta = {}
        self._register_load_state_dict_pre_hook(self._adopt_keys)

    @property
    def dataset_meta(self) -> dict[str, Any]:
        """Names of the classes, as mmdet's visualizer looks them up.

        mmdet's inferencers assign what the checkpoint says. Without classes
        that would name each object like the classifier's first class.
        """
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, meta: dict[str, Any]) -> None:
        if self.class_agnostic:
            meta = {**meta, 'classes': ('object',)}
        self._dataset_meta = meta

    def extract_feat(self, batch_inputs: Tensor) -> tuple:
        """Features of the classifier's backbone.

        Args:
            batch_inputs (Tensor): (B, 3, H, W), normalised.

        Returns:
            tuple[TokenFeatures]: Of the last stage.
        """
        return self.classifier.extract_feat(batch_inputs)

    def predict(
        self, batch_inputs: Tensor, batch_data_samples: list[DetDataSample]
    ) -> list[DetDataSample]:
        """Predict boxes.

        Args:
            batch_inputs (Tensor): (B, 3, H, W), normalised.
            batch_data_samples (list[DetDataSample]): With ``ori_shape`` and
                ``img_shape``.

        Returns:
            list[DetDataSample]: The same, with ``pred_instances``:
            ``bboxes`` (n, 4) half-open ``x0, y0, x1, y1`` in pixels of the
            original image, ``scores`` and ``labels`` (n,).

        Raises:
            ValueError: If an image was padded.
        """
        shape = tuple(batch_inputs.shape[-2:])
        samples = []
        for sample in batch_data_samples:
            if tuple(sample.img_shape[:2]) != shape:
                raise ValueError(
                    f'{sample.get("img_path")}: resized to '
                    f'{sample.img_shape}, but padded to {shape}: the '
                    'pipeline must resize all images to one size '
                    '(keep_ratio=False) and not pad'
                )
            samples.append(
                DataSample(
                    metainfo={
                        'img_path': sample.get('img_path', NAMELESS),
                        'scale_factor': sample.get('scale_factor', (1, 1)),
                        'flip': sample.get('flip', False),
                        'img_shape': shape,
                        'ori_shape': tuple(sample.ori_shape[:2]),
                    }
                )
            )
        predicted = self.classifier.predict(batch_inputs, samples)
        results = [sample.pred_instances for sample in predicted]
        if self.class_agnostic:
            for result in results:
                result.labels = torch.zeros_like(result.labels)
        return self.add_pred_to_datasample(batch_data_samples, results)

    def _forward(
        self,
        batch_inputs: Tensor,
        batch_data_samples: list[DetDataSample] | None = None,
    ) -> Tensor:
        """Logits of the classes, shape (B, C)."""
        return self.classifier.head(self.extract_feat(batch_inputs))

    def loss(self, batch_inputs: Tensor, batch_data_samples: list) -> NoReturn:
        """Boxes are not what this model learns from.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            'WSOLDetector is trained as a classifier, from image labels: use '
            'tools/train.py with the config of the classifier'
        )

    def _adopt_keys(
        self, state_dict: dict[str, Tensor], prefix: str, *_: Any
    ) -> None:
        """Take a checkpoint of the classifier as one of this model."""
        own = f'{prefix}classifier.'
        foreign = [
            key
            for key in state_dict
            if key.startswith(prefix) and not key.startswith(own)
        ]
        for key in foreign:
            state_dict[own + key[len(prefix) :]] = state_dict.pop(key)
