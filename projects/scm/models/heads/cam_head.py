# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Class activation maps of convolutional networks."""

from typing import Any

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from projects.scm.utils.checks import check_positive

from .score_map_head import ScoreMapHead


@MODELS.register_module()
class CAMHead(ScoreMapHead):
    """CAM: a linear classifier after global average pooling, and before it.

    The score map of class c is the last feature map, its channels weighted by
    the classifier's weights of c, without the bias (*Learning Deep Features
    for Discriminative Localization*, CVPR 2016). For any backbone that gives
    feature maps (B, D, h, w): ``ResNet``, ``VGG``, ``TIMMBackbone`` and
    others. The classifier has the name that mmpretrain's ``LinearClsHead``
    gives it, so weights of models with that head and
    ``GlobalAveragePooling`` load; the model takes no ``neck``.

    Args:
        in_channels (int): Channels D of the feature map.
        num_classes (int): Classes C.
        extra_convs (int): 3x3 convolutions with ReLU of ``conv_channels``
            before the pooling, as VGG16-GAP has. Defaults to 0.
        conv_channels (int): Their channels. Defaults to 1024.
        **kwargs: ``map_topk``, ``box_cfg`` and others of
            :class:`ScoreMapHead`.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        extra_convs: int = 0,
        conv_channels: int = 1024,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, **kwargs)
        check_positive(in_channels=in_channels, conv_channels=conv_channels)
        if extra_convs != 0:
            check_positive(extra_convs=extra_convs)
        self.in_channels = in_channels
        layers, channels = [], in_channels
        for _ in range(extra_convs):
            layers += [
                nn.Conv2d(channels, conv_channels, 3, padding=1),
                nn.ReLU(),
            ]
            channels = conv_channels
        self.convs = nn.Sequential(*layers)
        self.fc = nn.Linear(channels, num_classes)

    def pre_logits(self, feats: tuple) -> Tensor:
        """The feature map that is pooled, shape (B, D', h, w).

        Raises:
            ValueError: If the backbone gives something else.
        """
        last = feats[-1]
        shape = tuple(getattr(last, 'shape', ()))
        if len(shape) != 4 or shape[1] != self.in_channels:
            raise ValueError(
                f'{type(self).__name__} needs a feature map (B, '
                f'{self.in_channels}, h, w), but the backbone gave '
                f'{shape or type(last).__name__}: leave model.neck out, and '
                'set model.head.in_channels to the channels of the backbone'
            )
        return self.convs(last)

    def forward(self, feats: tuple) -> Tensor:
        """Logits, shape (B, C)."""
        return self.fc(self.pre_logits(feats).mean((2, 3)))

    def score_maps(self, feats: tuple, labels: Tensor) -> Tensor:
        """Channels weighted by the classifier, (B, k, h, w)."""
        return torch.einsum(
            'bdhw,bkd->bkhw', self.pre_logits(feats), self.fc.weight[labels]
        )
