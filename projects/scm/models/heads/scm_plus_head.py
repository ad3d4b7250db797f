# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""SCM with maps that are diffused at inference, too."""

from typing import Any

from mmpretrain.registry import MODELS
from torch import Tensor

from projects.scm.models.calibration import min_max
from projects.scm.structures import TokenFeatures
from projects.scm.utils.checks import check_positive

from .scm_head import SCMHead
from .token_head import sum_layers


@MODELS.register_module()
class SCMPlusHead(SCMHead):
    """Trains and classifies as SCM; its score maps are diffused.

    With F the class token's attention summed over the layers, S the semantic
    map of a class scaled to [0, 1], and A the attention among patches, summed
    over the same layers, its rows scaled to sum to 1: the score map is the
    sum of M = F ∘ S and of A³ M, each scaled to [0, 1]. A patch takes over
    what the patches have that it looks at, as maps of transformers were
    refined before (*TransCAM*, 2022); checkpoints are those of
    :class:`SCMHead`.

    Args:
        in_channels (int): Channels D of the patch tokens.
        num_classes (int): Classes C.
        map_layers (int, optional): How many of the last layers F and A are
            the sums of. Defaults to None, all.
        map_steps (int): How often M is diffused. Defaults to 3.
        **kwargs: As for :class:`SCMHead`.

    Raises:
        ValueError: If ``map_layers`` or ``map_steps`` is not positive, or
            ``calibrated_maps``, which are other maps, are asked for.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        map_layers: int | None = None,
        map_steps: int = 3,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, num_classes, **kwargs)
        check_positive(map_steps=map_steps)
        if map_layers is not None:
            check_positive(map_layers=map_layers)
        if self.calibrated_maps:
            raise ValueError(
                'calibrated_maps: expected False, the maps of SCMPlusHead '
                'are made of those before calibration'
            )
        self.map_layers = map_layers
        self.map_steps = map_steps

    def score_maps(self, feats: tuple, labels: Tensor) -> Tensor:
        """Score maps of some classes; see :class:`TSCAMHead`."""
        tokens = self.pre_logits(feats)
        return self._diffused(tokens, self.semantic_map(tokens, labels))

    def all_maps(self, feats: tuple) -> tuple[Tensor, Tensor]:
        """Logits and all maps, without shortcuts (they need Col2Im)."""
        logits, semantic, _ = self.forward_maps(feats)
        return logits, self._diffused(self.pre_logits(feats), semantic)

    def _diffused(self, tokens: TokenFeatures, semantic: Tensor) -> Tensor:
        """Score maps in [0, 2], of the shape of the semantic maps.

        Raises:
            TypeError: If the backbone gives no attention among patches.
            ValueError: If it gives fewer layers than ``map_layers``.
        """
        among = tokens.patch_attention
        if among is None:
            raise TypeError(
                'SCMPlusHead needs the attention among patches: use '
                'PatchAttentionViT or PatchAttentionTimm for model.backbone'
            )
        attention, among = (
            sum_layers(layers, map_layers=self.map_layers)
            for layers in (tokens.cls_attention, among)
        )
        coupled = _each_scaled(semantic) * attention.unsqueeze(1)
        spread = diffuse(coupled, among, self.map_steps)
        return _each_scaled(coupled) + _each_scaled(spread)


def diffuse(maps: Tensor, attention: Tensor, steps: int) -> Tensor:
    """Let every patch take over what the patches have that it looks at.

    Args:
        maps (Tensor): (B, k, h, w) maps of any range.
        attention (Tensor): (B, hw, hw) attention among patches, at least 0;
            rows are scaled to sum to 1.
        steps (int): How often.

    Returns:
        Tensor: Of the shape of ``maps``: each value a mean of the map's, less
        the mean of them all. Where attention is level, what is left is small
        beside that mean, and would drown in its rounding.
    """
    graph = attention / attention.sum(-1, keepdim=True)
    spread = maps.flatten(2)
    spread = spread - spread.mean(-1, keepdim=True)
    for _ in range(steps):
        spread = spread @ graph.mT
    return spread.view_as(maps)


def _each_scaled(maps: Tensor) -> Tensor:
    """Every map of (B, k, h, w) scaled to [0, 1] by itself."""
    return min_max(maps.flatten(0, 1)).view_as(maps)
