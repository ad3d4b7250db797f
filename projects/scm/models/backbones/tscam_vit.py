# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Stock vision transformers of mmpretrain that also give attention maps."""

from types import MethodType
from typing import Any

from mmcv.cnn.bricks import DropPath
from mmpretrain.models.backbones import (
    BEiTViT,
    DeiT3,
    DistilledVisionTransformer,
    VisionTransformer,
    ViTEVA02,
)
from mmpretrain.models.backbones.vision_transformer import (
    TransformerEncoderLayer,
)
from mmpretrain.registry import MODELS
from torch import Tensor

from projects.scm.structures import TokenFeatures
from projects.scm.utils.checks import check_flags, check_numbers

from .attention_tap import (
    CheckpointedForward,
    TappedMixin,
    attach_taps,
    stack_rows,
)
from .weight_loading import TimmNamesMixin


class TokenAttentionMixin(TappedMixin):
    """Makes a ViT of mmpretrain return :class:`TokenFeatures`.

    Put it before a backbone class that ends in ``_format_output(x, hw)`` and
    keeps its blocks in ``layers``. No forward is copied, and the state dict
    is that of the stock backbone.

    Args:
        attention_scale (float, optional): Factor on query·key instead of
            (channels of a head) ** -0.5. Defaults to None.
        final_norm (bool): Whether tokens, class token included, are given
            after the last norm, or before it; weights of the norm are then
            passed over. Defaults to True, for families too whose stock
            class has no last norm by default (BEiT).
        with_cp (bool): Activation checkpointing: keep only the input of every
            layer for the backward pass and compute the rest again. Defaults
            to False.
        **kwargs: Arguments of the stock backbone. ``out_type``,
            ``out_indices`` and ``with_cls_token`` are fixed.

    Raises:
        ValueError: If an argument would leave no class token or another
            output than the last layer's tokens.
    """

    TOKENS = 'tokens'

    def __init__(
        self,
        *args: Any,
        attention_scale: float | None = None,
        final_norm: bool = True,
        with_cp: bool = False,
        **kwargs: Any,
    ) -> None:
        check_flags(final_norm=final_norm, with_cp=with_cp)
        if attention_scale is not None:
            check_numbers('(0, inf)', attention_scale=attention_scale)
        self._pop_fixed(
            kwargs,
            "score maps are made of the class token's attention in all layers "
            "and the last layer's patch tokens",
            **dict(out_type=self.TOKENS, out_indices=-1, with_cls_token=True),
        )
        super().__init__(
            *args, out_type=self.TOKENS, final_norm=final_norm, **kwargs
        )
        if not final_norm:
            self._register_load_state_dict_pre_hook(_drop_last_norm)
        self._taps = attach_taps(self.layers, attention_scale)
        if with_cp:
            for layer, tap in zip(self.layers, self._taps, strict=True):
                layer.forward = CheckpointedForward(layer.forward, tap)
        for module in self.modules():
            # mmpretrain's rates are NumPy scalars, which torch.compile takes
            # for data: it would break the graph at every one of them.
            if isinstance(module, DropPath):
                module.drop_prob = float(module.drop_prob)

    def forward(self, x: Tensor) -> tuple[TokenFeatures]:
        """Run the parent.

        Args:
            x (Tensor): Pictures, shape (B, 3, H, W).

        Returns:
            tuple[TokenFeatures]: Of the last layer.
        """
        (tokens,) = super().forward(x)
        # Not by _replace, which PyTorch 2.11 does not compile.
        patch, attention, cls_token, *_ = tokens
        size = tuple(x.shape[2:])
        return (TokenFeatures(patch, attention, cls_token, size),)

    def _format_output(self, x: Tensor, hw: tuple[int, int]) -> TokenFeatures:
        patch = x[:, self.num_extra_tokens :].transpose(1, 2).unflatten(-1, hw)
        return TokenFeatures(
            patch,
            stack_rows(self._taps, self.num_extra_tokens, hw),
            cls_token=x[:, 0],
        )


def _drop_last_norm(state_dict: dict, prefix: str, *_: Any) -> None:
    for name in ('weight', 'bias'):
        state_dict.pop(f'{prefix}ln1.{name}', None)


def _with_tokens(parent: type) -> set:
    return {*parent.OUT_TYPES, TokenAttentionMixin.TOKENS}


@MODELS.register_module()
class TSCAMViT(TimmNamesMixin, TokenAttentionMixin, VisionTransformer):
    """ViT, DeiT or DINOv2 with class-token attention, as TS-CAM sees it.

    *TS-CAM: Token Semantic Coupled Attention Map for Weakly Supervised Object
    Localization* (ICCV 2021). See :class:`TokenAttentionMixin` and
    mmpretrain's ``VisionTransformer`` for the arguments. Weight files of DeiT,
    timm, DINOv2 (with ``layer_scale_init_value=1e-5``) and Hugging Face load
    as they are.
    """

    OUT_TYPES = _with_tokens(VisionTransformer)


@MODELS.register_module()
class TSCAMDistilledViT(
    TimmNamesMixin, TokenAttentionMixin, DistilledVisionTransformer
):
    """Distilled DeiT (class and distillation token) with attention maps."""

    OUT_TYPES = _with_tokens(DistilledVisionTransformer)


class _PublishedDeiT3(DeiT3):
    """DeiT III whose layers use both of their norms.

    mmpretrain's normalize the input of the MLP with the norm of the
    attention, and leave the other one unused.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for layer in self.layers:
            layer.forward = MethodType(TransformerEncoderLayer.forward, layer)


@MODELS.register_module()
class TSCAMDeiT3(TimmNamesMixin, TokenAttentionMixin, _PublishedDeiT3):
    """DeiT III with attention maps.

    Unlike mmpretrain's, its layers normalize the input of the MLP with the
    norm that was trained for it.
    """

    OUT_TYPES = _with_tokens(DeiT3)
    POSITION_OF_EXTRA_TOKENS = False


@MODELS.register_module()
class TSCAMBEiT(TokenAttentionMixin, BEiTViT):
    """BEiT with attention maps; its attention is computed explicitly."""

    OUT_TYPES = _with_tokens(BEiTViT)


@MODELS.register_module()
class TSCAMEVA02(TokenAttentionMixin, ViTEVA02):
    """EVA-02 with attention maps; its attention is computed explicitly."""

    OUT_TYPES = _with_tokens(ViTEVA02)
