# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""TS-CAM's head with spatial calibration while training."""

from collections.abc import Sequence
from typing import Any

from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from projects.scm.models.calibration import min_max
from projects.scm.structures import TokenFeatures

from .tscam_head import TSCAMHead

SIMILARITIES = ('semantic', 'embedding')


@MODELS.register_module()
class SCMHead(TSCAMHead):
    """Head of SCM: implicit spatial calibration in training only.

    The loss is taken on the calibrated semantic map; prediction is TS-CAM's,
    on a min-max scaled attention map, and does not touch the calibration
    (*Weakly Supervised Object Localization via Transformer with Implicit
    Spatial Calibration*, ECCV 2022).

    Args:
        in_channels (int): Channels D of the patch tokens.
        num_classes (int): Classes C.
        calibration (dict | bool, optional): A registered module with the
            method ``pooled`` of
            :class:`~projects.scm.models.calibration.SpatialCalibration`,
            which is meant where no ``type`` is given. Defaults to None: its
            four blocks with the official constants. False builds none, for
            checkpoints stripped of it; such a head predicts but does not
            train.
        similarity (str): Vectors whose cosine similarity couples patches:
            ``'semantic'``, the semantic map, as in the official code, or
            ``'embedding'``, the patch tokens. Defaults to ``'semantic'``.
        **kwargs: As for :class:`TSCAMHead`.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        calibration: dict | bool | None = None,
        similarity: str = 'semantic',
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, num_classes, **kwargs)
        if similarity not in SIMILARITIES:
            raise ValueError(
                f'similarity must be one of {SIMILARITIES}, but '
                f'got {similarity!r}'
            )
        self.similarity = similarity
        self.calibration = None
        if calibration is not False:
            self.calibration = _build_calibration(calibration)

    def attention_map(self, tokens: TokenFeatures) -> Tensor:
        """Attention map F, shape (B, h, w), min-max scaled to [0, 1]."""
        return min_max(super().attention_map(tokens))

    def calibrated_logits(self, feats: tuple) -> Tensor:
        """Logits that the loss is taken on, shape (B, C), float32 or more.

        Raises:
            RuntimeError: If the head was built without calibration.
        """
        if self.calibration is None:
            raise RuntimeError(
                'this SCMHead was built with calibration=False and cannot '
                'train; give it a calibration, or train a TSCAMHead'
            )
        tokens = self.pre_logits(feats)
        features = tokens.patch if self.similarity == 'embedding' else None
        return self.calibration.pooled(
            self.semantic_map(tokens), self.attention_map(tokens), features
        )

    def loss(
        self, feats: tuple, data_samples: Sequence[DataSample], **kwargs: Any
    ) -> dict:
        """Classification loss on the calibrated semantic map.

        Args:
            feats (tuple[TokenFeatures]): What the backbone returned.
            data_samples (Sequence[DataSample]): With ``gt_label``.
            **kwargs: For the loss module.

        Returns:
            dict[str, Tensor]: ``loss``, and accuracies with ``cal_acc``.
        """
        return self._get_loss(
            self.calibrated_logits(feats), data_samples, **kwargs
        )

    def drop_training_parts(self) -> None:
        """Forget the calibration."""
        self.calibration = None


def _build_calibration(spec: dict | None) -> nn.Module:
    if not isinstance(spec, dict | None):
        raise ValueError(
            "calibration: expected a dict, such as dict(type='Spatial"
            "Calibration', iterations=(16, 4, 4, 4)), None for the official "
            f'one or False for none, got {spec!r}'
        )
    return MODELS.build({'type': 'SpatialCalibration', **(spec or {})})
