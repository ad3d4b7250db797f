# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""TS-CAM's head with spatial calibration while training."""

from collections.abc import Sequence
from typing import Any

from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from projects.scm.models.calibration import min_max
from projects.scm.structures import TokenFeatures
from projects.scm.utils.checks import check_flags

from .tscam_head import TSCAMHead

SIMILARITIES = ('semantic', 'embedding')


@MODELS.register_module()
class SCMHead(TSCAMHead):
    """Head of SCM: implicit spatial calibration in training only.

    The loss is taken on the calibrated semantic map; prediction is TS-CAM's,
    on a min-max scaled attention map, and does not touch the calibration
    unless it is asked to (*Weakly Supervised Object Localization via
    Transformer with Implicit Spatial Calibration*, ECCV 2022).

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
        calibrated_inference (bool): Whether predicted class scores are those
            that the loss is taken on. Defaults to False.
        calibrated_maps (bool): Whether score maps are made of the calibrated
            maps, which needs the semantic map of all classes. Defaults to
            False.
        **kwargs: As for :class:`TSCAMHead`.

    Raises:
        ValueError: If an argument is none of the above, or there is no
            calibration to predict with.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        calibration: dict | bool | None = None,
        similarity: str = 'semantic',
        calibrated_inference: bool = False,
        calibrated_maps: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, num_classes, **kwargs)
        if similarity not in SIMILARITIES:
            raise ValueError(
                f'similarity must be one of {SIMILARITIES}, but '
                f'got {similarity!r}'
            )
        check_flags(
            calibrated_inference=calibrated_inference,
            calibrated_maps=calibrated_maps,
        )
        self.similarity = similarity
        self.calibrated_inference = calibrated_inference
        self.calibrated_maps = calibrated_maps
        if calibration is False and self.predicts_calibrated:
            raise ValueError(
                'calibration=False leaves nothing to predict with: set '
                'calibrated_inference=False and calibrated_maps=False as well'
            )
        self.calibration = None
        if calibration is not False:
            self.calibration = _build_calibration(calibration)

    @property
    def predicts_calibrated(self) -> bool:
        """Whether prediction needs the calibration."""
        return self.calibrated_inference or self.calibrated_maps

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
        return self.calibration.pooled(*self._calibrated_from(feats))

    def _calibrated_from(
        self, feats: tuple
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """What the calibration takes."""
        tokens = self.pre_logits(feats)
        return (
            self.semantic_map(tokens),
            self.attention_map(tokens),
            self._coupling(tokens),
        )

    def _coupling(self, tokens: TokenFeatures) -> Tensor | None:
        """Vectors that couple patches; None for the semantic map itself."""
        return tokens.patch if self.similarity == 'embedding' else None

    def forward(self, feats: tuple) -> Tensor:
        """Logits, shape (B, C)."""
        if self.calibrated_inference:
            return self.calibrated_logits(feats)
        return super().forward(feats)

    def forward_maps(self, feats: tuple) -> tuple[Tensor, Tensor, Tensor]:
        """Logits and what score maps are made of; see :class:`TSCAMHead`."""
        logits, semantic, attention = super().forward_maps(feats)
        if self.predicts_calibrated:
            calibrated = self.calibration(
                semantic, attention, self._coupling(self.pre_logits(feats))
            )
            if self.calibrated_inference:
                logits = calibrated[0].mean((2, 3))
            if self.calibrated_maps:
                semantic, attention = calibrated
        return logits, semantic, attention

    def score_maps(self, feats: tuple, labels: Tensor) -> Tensor:
        """Score maps of some classes; see :class:`TSCAMHead`."""
        if not self.calibrated_maps:
            return super().score_maps(feats, labels)
        semantic, attention = self.calibration(*self._calibrated_from(feats))
        index = labels[:, :, None, None].expand(-1, -1, *semantic.shape[2:])
        return semantic.gather(1, index) * attention.unsqueeze(1)

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
        """Forget the calibration, where prediction does not need it."""
        if not self.predicts_calibrated:
            self.calibration = None


def _build_calibration(spec: dict | None) -> nn.Module:
    if not isinstance(spec, dict | None):
        raise ValueError(
            "calibration: expected a dict, such as dict(type='Spatial"
            "Calibration', iterations=(16, 4, 4, 4)), None for the official "
            f'one or False for none, got {spec!r}'
        )
    built = MODELS.build({'type': 'SpatialCalibration', **(spec or {})})
    if not hasattr(built, 'pooled'):
        raise ValueError(
            'calibration: expected a module with the method pooled, as '
            f'SpatialCalibration has, got {type(built).__name__}'
        )
    return built
