# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Maps that a vision transformer has without being trained for them."""

from typing import Any

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from .token_head import TokenHead


class ClassTokenHead(TokenHead):
    """A linear classifier on the class token, one map for all classes.

    A subclass gives :meth:`object_map` and takes the same arguments. The
    classifier has the name that mmpretrain's ``VisionTransformerClsHead``
    gives it, so weights of models with that head load.

    Args:
        in_channels (int): Channels D of the tokens.
        num_classes (int): Classes C.
        **kwargs: As for :class:`TokenHead`.
    """

    def __init__(
        self, in_channels: int, num_classes: int, **kwargs: Any
    ) -> None:
        super().__init__(in_channels, num_classes, **kwargs)
        self.layers = nn.Sequential()
        self.layers.add_module('head', nn.Linear(in_channels, num_classes))

    def object_map(self, feats: tuple) -> Tensor:
        """Where the object is, shape (B, h, w)."""
        raise NotImplementedError

    def forward(self, feats: tuple) -> Tensor:
        """Logits, shape (B, C)."""
        return self.layers(self.class_token(feats))

    def score_maps(self, feats: tuple, labels: Tensor) -> Tensor:
        """The map of the object, once for each class (B, k, h, w)."""
        object_map = self.object_map(feats).unsqueeze(1)
        return object_map.expand(-1, labels.size(1), -1, -1)


@MODELS.register_module()
class AttentionHead(ClassTokenHead):
    """What the class token attends to.

    In the last layer; with a rollout backbone
    (:class:`~projects.scm.models.RolloutViT`), through all of them.

    Args:
        in_channels (int): Channels D of the tokens.
        num_classes (int): Classes C.
        **kwargs: As for :class:`TokenHead`.
    """

    def object_map(self, feats: tuple) -> Tensor:
        """The attention of the last layer, shape (B, h, w)."""
        return self.pre_logits(feats).cls_attention[:, -1]


@MODELS.register_module()
class PrincipalComponentHead(ClassTokenHead):
    """First principal component of the patch tokens of each picture.

    A component has no sign of its own. It is turned so that the patches that
    the class token attends to in the last layer are on its positive side.

    Args:
        in_channels (int): Channels D of the tokens.
        num_classes (int): Classes C.
        **kwargs: As for :class:`TokenHead`.
    """

    def object_map(self, feats: tuple) -> Tensor:
        """Centred tokens along the first component, shape (B, h, w)."""
        tokens = self.pre_logits(feats)
        patch = tokens.patch.flatten(2)
        patch = patch.to(torch.promote_types(patch.dtype, torch.float32))
        patch = patch - patch.mean(2, keepdim=True)
        # The covariance is (D, D): smaller than tokens by tokens on the
        # large grids that these maps are made for.
        direction = torch.linalg.eigh(patch @ patch.mT).eigenvectors[..., -1:]
        along = (direction.mT @ patch).squeeze(1)
        attention = tokens.cls_attention[:, -1].flatten(1).to(along)
        side = (along * attention).sum(1, keepdim=True)
        along = torch.where(side < 0, -along, along)
        return along.unflatten(1, tokens.patch.shape[2:])


@MODELS.register_module()
class LeGradHead(ClassTokenHead):
    """LeGrad: what the attention of each layer does to its class scores.

    Stands on ``LeGradViT`` or ``LeGradTimm``.

    Args:
        in_channels (int): Channels D of the tokens.
        num_classes (int): Classes C.
        **kwargs: As for :class:`TokenHead`.
    """

    def score_maps(self, feats: tuple, labels: Tensor) -> Tensor:
        """A map of each class, shape (B, k, h, w).

        Raises:
            TypeError: If the backbone is none for LeGrad.
        """
        if len(feats) != 2:
            raise TypeError(
                'LeGradHead needs LeGradViT or LeGradTimm for '
                'model.backbone, in evaluation mode'
            )
        maps = []
        for wanted in labels.unbind(1):
            weight, bias = (
                p[wanted].detach() for p in self.layers.head.parameters()
            )
            maps.append(
                feats[0].maps(
                    lambda token, w=weight, b=bias: (token * w).sum(1) + b
                )
            )
        return torch.stack(maps, 1)
