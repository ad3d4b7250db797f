# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""SCM's head for Conformer, which has a classifier on its convolutions too."""

from collections.abc import Sequence
from typing import Any

from mmpretrain.registry import MODELS
from torch import Tensor, nn

from .scm_head import SCMHead

CONFORMER_ITERATIONS = (4, 4, 4, 4)


@MODELS.register_module()
class ConformerSCMHead(SCMHead):
    """SCM on Conformer, as the official code has it.

    Logits are the sum of those of the calibrated semantic map and those of a
    linear classifier on the convolution branch, and the loss is taken on the
    sum. The official code calibrates logits in evaluation as well; score
    maps stay F ∘ S before calibration.

    Args:
        in_channels (Sequence[int]): Channels of the convolution branch and
            of the patch tokens, such as (1024, 384) for Conformer-S.
        num_classes (int): Classes C.
        calibration (dict | bool, optional): As for :class:`SCMHead`, with
            (4, 4, 4, 4) iterations by default. Defaults to None.
        calibrated_inference (bool): Whether predicted class scores are
            calibrated too, as in the official code. False takes the semantic
            map as it is, which needs no calibration. Defaults to True.
        **kwargs: As for :class:`SCMHead`.

    Raises:
        ValueError: If there is no calibration to predict with, or
            ``in_channels`` are not two numbers.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int,
        calibration: dict | bool | None = None,
        calibrated_inference: bool = True,
        **kwargs: Any,
    ) -> None:
        if not isinstance(in_channels, Sequence) or len(in_channels) != 2:
            raise ValueError(
                'in_channels must be two numbers, of the convolution branch '
                f'and of the patch tokens, but got {in_channels!r}'
            )
        if isinstance(calibration, dict | None):
            calibration = dict(
                dict(iterations=CONFORMER_ITERATIONS), **(calibration or {})
            )
        convolution, tokens = in_channels
        super().__init__(
            tokens,
            num_classes,
            calibration=calibration,
            calibrated_inference=calibrated_inference,
            **kwargs,
        )
        self.convolution = nn.Linear(convolution, num_classes)

    def convolution_logits(self, feats: tuple) -> Tensor:
        """Logits of the convolution branch, shape (B, C).

        Args:
            feats (tuple): Of :class:`TSCAMConformer`: features (B, C') and
                TokenFeatures.

        Raises:
            ValueError: If the backbone has no such branch, or one of other
                channels.
        """
        shape = tuple(feats[0].shape) if len(feats) == 2 else None
        if shape is None or shape[1:] != (self.convolution.in_features,):
            raise ValueError(
                'expected features of a convolution branch (B, '
                f'{self.convolution.in_features}) before the tokens, but got '
                f'{shape}: take TSCAMConformer, and its channels for '
                'model.head.in_channels'
            )
        return self.convolution(feats[0])

    def forward(self, feats: tuple) -> Tensor:
        """Logits, shape (B, C)."""
        logits = super().forward(feats)
        if self.calibrated_inference:  # the sum by then
            return logits
        return logits + self.convolution_logits(feats)

    def forward_maps(self, feats: tuple) -> tuple[Tensor, Tensor, Tensor]:
        """Logits and what score maps are made of; see :class:`TSCAMHead`."""
        logits, semantic, attention = super().forward_maps(feats)
        return logits + self.convolution_logits(feats), semantic, attention

    def calibrated_logits(self, feats: tuple) -> Tensor:
        """Logits that the loss is taken on, shape (B, C)."""
        convolution = self.convolution_logits(feats)
        return super().calibrated_logits(feats) + convolution
