# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Heads that make score maps of a vision transformer's tokens."""

from typing import Any

from torch import Tensor

from projects.scm.structures import TokenFeatures
from projects.scm.utils.checks import check_positive

from .score_map_head import ScoreMapHead


class TokenHead(ScoreMapHead):
    """A source of score maps that reads :class:`TokenFeatures`.

    Args:
        in_channels (int): Channels D of the patch tokens, ``embed_dims`` of
            the backbone.
        num_classes (int): Classes C.
        **kwargs: ``map_topk``, ``box_cfg`` and others of
            :class:`ScoreMapHead`.

    Raises:
        ValueError: If a number is not positive, or ``box_cfg`` holds what
            there is not.
    """

    def __init__(
        self, in_channels: int, num_classes: int, **kwargs: Any
    ) -> None:
        super().__init__(num_classes, **kwargs)
        check_positive(in_channels=in_channels)
        self.in_channels = in_channels

    def pre_logits(self, feats: tuple) -> TokenFeatures:
        """The token features of the last stage.

        Args:
            feats (tuple[TokenFeatures]): What the backbone returned.

        Returns:
            TokenFeatures: The last of them.

        Raises:
            TypeError: If the backbone gives something else.
            ValueError: If its channels are not ``in_channels``.
        """
        tokens = feats[-1]
        if not isinstance(tokens, TokenFeatures):
            raise TypeError(
                f'{type(self).__name__} needs TokenFeatures (patch tokens and '
                'class-token attention), but the backbone gave '
                f'{type(tokens).__name__}. Use one of the TSCAM backbones, or '
                'mix TokenAttentionMixin into yours'
            )
        channels = tokens.patch.size(1)
        if channels != self.in_channels:
            raise ValueError(
                f'the backbone gives {channels} channels, but the head was '
                f'built with in_channels={self.in_channels}: set '
                f'model.head.in_channels={channels} (embed_dims of '
                'model.backbone)'
            )
        return tokens

    def class_token(self, feats: tuple) -> Tensor:
        """The class token's embedding, shape (B, D).

        Raises:
            ValueError: If the backbone gives none.
        """
        token = self.pre_logits(feats).cls_token
        if token is None:
            raise ValueError(
                f'{type(self).__name__} classifies by the class token, but '
                'the backbone gives none (cls_token of TokenFeatures): use '
                'one of the TSCAM backbones'
            )
        return token


def sum_layers(attention: Tensor, **wanted: int | None) -> Tensor:
    """Sum of the last layers of (B, K, ...), of all for None.

    Raises:
        ValueError: If there are fewer; names the argument that wants them.
    """
    ((name, count),) = wanted.items()
    if count is not None and count > attention.size(1):
        raise ValueError(
            f'{name}={count}, but the backbone gives the attention of '
            f'{attention.size(1)} layers'
        )
    return (attention if count is None else attention[:, -count:]).sum(1)
