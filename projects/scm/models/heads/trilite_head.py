# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""TriLite: three maps from a frozen vision transformer."""

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from projects.scm.utils.checks import check_numbers

from .token_head import TokenHead

FOREGROUND, BACKGROUND = 0, 1
POOLING_EPS = 1e-6
LOG_EPS = 1e-7


@MODELS.register_module()
class TriLiteHead(TokenHead):
    """Head of TriLite: foreground, background and undecided pixels.

    A 3x3 convolution, batch norm and a softmax over three channels weigh the
    patch tokens. The tokens pooled over foreground and over background go
    through one linear classifier: it shall know the class from the former and
    not from the latter. Class scores come from a classifier of its own on the
    class token; the foreground map is that of every class (*TriLite*, CVPR
    2026). The backbone is meant to be frozen, with tokens before its last
    norm (``final_norm=False``).

    Args:
        in_channels (int): Channels D of the patch tokens.
        num_classes (int): Classes C.
        alpha (float): Weight of the background's loss. Defaults to 100, the
            paper's for CUB; 500 for ImageNet.
        dropout (float): Dropout of the pooled tokens and of the class token
            while training. Defaults to 0.5, as for CUB; 0.25 for ImageNet.
        **kwargs: As for :class:`TokenHead`.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        alpha: float = 100.0,
        dropout: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, num_classes, **kwargs)
        check_numbers('[0, inf)', alpha=alpha)
        check_numbers('[0, 1)', dropout=dropout)
        self.alpha = alpha
        self.dropout = nn.Dropout(dropout)
        self.activation = nn.Conv2d(in_channels, 3, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(3)
        self.patch_classifier = nn.Linear(in_channels, num_classes)
        self.class_token_classifier = nn.Linear(in_channels, num_classes)

    def region_maps(self, feats: tuple) -> Tensor:
        """Shares of foreground, background, undecided, (B, 3, h, w)."""
        patch = self.pre_logits(feats).patch
        return self.norm(self.activation(patch)).softmax(1)

    def region_logits(self, feats: tuple) -> tuple[Tensor, Tensor]:
        """Logits of foreground and background tokens, (B, C) each."""
        patch = self.pre_logits(feats).patch.flatten(2)
        shares = self.region_maps(feats).flatten(2)
        pooled = torch.einsum('brn,bdn->brd', shares, patch)
        pooled = pooled / (shares.sum(2, keepdim=True) + POOLING_EPS)
        foreground, background = (
            self.patch_classifier(self.dropout(pooled[:, region]))
            for region in (FOREGROUND, BACKGROUND)
        )
        return foreground, background

    def forward(self, feats: tuple) -> Tensor:
        """Logits of the class token, shape (B, C)."""
        return self.class_token_classifier(
            self.dropout(self.class_token(feats))
        )

    def score_maps(self, feats: tuple, labels: Tensor) -> Tensor:
        """The foreground map, once for each of the classes (B, k, h, w)."""
        foreground = self.region_maps(feats)[:, FOREGROUND, None]
        return foreground.expand(-1, labels.size(1), -1, -1)

    def loss(
        self, feats: tuple, data_samples: Sequence[DataSample], **kwargs: Any
    ) -> dict:
        """Classes of class token and foreground, none in the background.

        Args:
            feats (tuple[TokenFeatures]): What the backbone returned.
            data_samples (Sequence[DataSample]): With ``gt_label``.
            **kwargs: For the loss module.

        Returns:
            dict[str, Tensor]: ``loss_cls``, ``loss_fg``, ``loss_bg`` (times
            ``alpha``), and accuracies with ``cal_acc``.
        """
        foreground, background = self.region_logits(feats)
        found = self._get_loss(self(feats), data_samples, **kwargs)
        found['loss_cls'] = found.pop('loss')
        labels = torch.cat([sample.gt_label for sample in data_samples])
        labels = labels.to(background.device)
        dtype = torch.promote_types(background.dtype, torch.float32)
        known = background.to(dtype).softmax(1).gather(1, labels[:, None])
        found['loss_fg'] = self.loss_module(
            foreground, labels, avg_factor=len(labels), **kwargs
        )
        found['loss_bg'] = self.alpha * -torch.log(1 - known + LOG_EPS).mean()
        return found
