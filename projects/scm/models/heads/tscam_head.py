# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Semantic map, attention map and their coupling."""

from typing import Any

from mmpretrain.registry import MODELS
from torch import Tensor

from projects.scm.structures import TokenFeatures
from projects.scm.utils.checks import check_positive

from .semantic_convolution import SemanticConvolution
from .token_head import TokenHead, sum_layers


@MODELS.register_module()
class TSCAMHead(TokenHead):
    """Head of TS-CAM: 3x3 convolution, average pooling, coupled maps.

    With S the semantic map and F the class token's attention, summed over
    layers: logits are the spatial means of S, and the score map of class c
    is F ∘ S[c] (*TS-CAM*, ICCV 2021).

    Args:
        in_channels (int): Channels D of the patch tokens, ``embed_dims`` of
            the backbone.
        num_classes (int): Classes C.
        attention_layers (int, optional): How many of the backbone's last
            layers F is the sum of. Defaults to None, all K that it gives.
        **kwargs: ``map_topk``, ``box_cfg`` and others of
            :class:`TokenHead`.

    Raises:
        ValueError: If a number is not positive, or ``box_cfg`` holds what
            there is not.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        attention_layers: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, num_classes, **kwargs)
        if attention_layers is not None:
            check_positive(attention_layers=attention_layers)
        self.attention_layers = attention_layers
        self.semantic = SemanticConvolution(in_channels, num_classes)

    def semantic_map(
        self, tokens: TokenFeatures, labels: Tensor | None = None
    ) -> Tensor:
        """Semantic map S, without any normalisation.

        Args:
            tokens (TokenFeatures): Of :meth:`pre_logits`.
            labels (Tensor, optional): The classes wanted, int64 (B, k), which
                cost much less than all. Defaults to None, all.

        Returns:
            Tensor: Shape (B, C, h, w), or (B, k, h, w).
        """
        if labels is None:
            return self.semantic(tokens.patch)
        return self.semantic.select(tokens.patch, labels)

    def attention_map(self, tokens: TokenFeatures) -> Tensor:
        """Attention map F, shape (B, h, w): sum over layers, in [0, K].

        Raises:
            ValueError: If the backbone gives fewer layers than
                ``attention_layers``.
        """
        wanted = self.attention_layers
        return sum_layers(tokens.cls_attention, attention_layers=wanted)

    def forward(self, feats: tuple) -> Tensor:
        """Logits, the spatial mean of the semantic map, shape (B, C)."""
        return self.semantic.pooled(self.pre_logits(feats).patch)

    def forward_maps(self, feats: tuple) -> tuple[Tensor, Tensor, Tensor]:
        """Logits and what score maps are made of, for all classes.

        Args:
            feats (tuple[TokenFeatures]): What the backbone returned.

        Returns:
            tuple[Tensor, Tensor, Tensor]: Logits (B, C), semantic map
            (B, C, h, w), attention map (B, h, w).
        """
        tokens = self.pre_logits(feats)
        semantic = self.semantic_map(tokens)
        return semantic.mean((2, 3)), semantic, self.attention_map(tokens)

    def score_maps(self, feats: tuple, labels: Tensor) -> Tensor:
        """Score maps F ∘ S of some classes.

        Args:
            feats (tuple[TokenFeatures]): What the backbone returned.
            labels (Tensor): The classes, int64 (B, k).

        Returns:
            Tensor: Raw maps, shape (B, k, h, w).
        """
        tokens = self.pre_logits(feats)
        semantic = self.semantic_map(tokens, labels)
        return semantic * self.attention_map(tokens).unsqueeze(1)

    def all_maps(self, feats: tuple) -> tuple[Tensor, Tensor]:
        """Logits and all maps, without shortcuts (they need Col2Im)."""
        logits, semantic, attention = self.forward_maps(feats)
        return logits, semantic * attention.unsqueeze(1)
