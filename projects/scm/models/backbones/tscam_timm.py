# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Vision transformers of timm that also give attention maps."""

from typing import Any

from mmpretrain.models.backbones import TIMMBackbone
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from projects.scm.structures import TokenFeatures
from projects.scm.utils.checks import check_flags, check_positive

from .attention_tap import (
    CheckpointedForward,
    FusedAttentionTap,
    TappedForward,
    TappedMixin,
    stack_rows,
)
from .timm_weights import fit_timm_weights
from .weight_loading import ForeignWeightsMixin

# Modules of timm.models, by whether their models take pictures of any size.
FAMILIES = {
    'vision_transformer': True,
    'deit': True,
    'eva': True,
    'beit': False,  # a bias by relative position, of one grid
}


@MODELS.register_module()
class TSCAMTimm(ForeignWeightsMixin, TappedMixin, TIMMBackbone):
    """A vision transformer of timm with class-token attention.

    Takes what timm builds from its classes ``VisionTransformer``,
    ``VisionTransformerDistilled``, ``Eva`` and ``Beit``: ViT, DeiT, DeiT III,
    DINO, DINOv2 with and without registers, DINOv3, EVA-02, BEiT and others.
    The forward is timm's, on its fused attention; the class token's row is
    computed beside it, from the queries and keys that attention gets.

    Models that normalize after pooling (EVA-02, BEiT by default) get that
    norm before it, on all tokens, since heads pool scores and not tokens.

    Needs the optional package timm (``pip install scm-wsol[timm]``).

    Args:
        model_name (str): Name in timm, such as ``vit_small_patch16_dinov3``;
            ``timm.list_models`` lists them.
        final_norm (bool): Whether tokens are given after the last norm, or
            before it; weights of the norm are then passed over. Defaults to
            True.
        with_cp (bool): Activation checkpointing: keep only the input of every
            block for the backward pass and compute the rest again. Defaults
            to False.
        pretrained (bool): Whether timm downloads its weights. Files load
            through ``init_cfg``, as for other backbones. Defaults to False.
        in_channels (int): Channels of the pictures. Defaults to 3.
        init_cfg (dict, optional): As for other backbones. Defaults to None.
        **kwargs: Arguments of the timm model, such as ``img_size`` and
            ``drop_path_rate``. ``dynamic_img_size`` is on by default where
            there is one; BEiT takes pictures of ``img_size`` alone.

    Raises:
        ImportError: If timm is not installed.
        ValueError: If timm has no such model, or one without what score maps
            are made of.
    """

    def __init__(
        self,
        model_name: str,
        final_norm: bool = True,
        with_cp: bool = False,
        pretrained: bool = False,
        in_channels: int = 3,
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        check_flags(
            final_norm=final_norm, with_cp=with_cp, pretrained=pretrained
        )
        check_positive(in_channels=in_channels)
        if _takes_any_size(model_name):
            kwargs.setdefault('dynamic_img_size', True)
        super().__init__(
            model_name,
            pretrained=pretrained,
            in_channels=in_channels,
            init_cfg=init_cfg,
            **kwargs,
        )
        model = self.timm_model
        _check_tokens(model_name, model)
        if isinstance(model.norm, nn.Identity):
            model.norm = model.fc_norm
        model.fc_norm = nn.Identity()
        if not final_norm:
            model.norm = nn.Identity()
        self.embed_dims = model.embed_dim
        self.num_extra_tokens = model.num_prefix_tokens
        self._taps = [_attach_tap(block) for block in model.blocks]
        if with_cp:
            for block, tap in zip(model.blocks, self._taps, strict=True):
                block.forward = CheckpointedForward(block.forward, tap)

    @property
    def layers(self) -> nn.Module:
        """The transformer's blocks, under the name that mmpretrain has."""
        return self.timm_model.blocks

    def convert_weights(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """See :meth:`ForeignWeightsMixin.convert_weights`."""
        own = 'timm_model.'
        inner = {k.removeprefix(own): v for k, v in weights.items()}
        fitted = fit_timm_weights(inner, self.timm_model)
        return {f'{own}{name}': value for name, value in fitted.items()}

    def forward(self, x: Tensor) -> tuple[TokenFeatures]:
        """Run timm's forward.

        Args:
            x (Tensor): Pictures, shape (B, 3, H, W), H and W multiples of
                the patch size, or those of ``img_size`` for BEiT.

        Returns:
            tuple[TokenFeatures]: Of the last block.

        Raises:
            ValueError: If the model does not take pictures of this size.
        """
        self._check_size(*x.shape[2:])
        ((patch, extra),) = self.timm_model.forward_intermediates(
            x,
            indices=1,
            return_prefix_tokens=True,
            norm=True,
            intermediates_only=True,
        )
        rows = stack_rows(
            self._taps, self.num_extra_tokens, tuple(patch.shape[2:])
        )
        size = tuple(x.shape[2:])
        return (TokenFeatures(patch, rows, extra[:, 0], size),)

    def _check_size(self, height: int, width: int) -> None:
        embed = self.timm_model.patch_embed
        if embed.strict_img_size:
            if (height, width) != tuple(embed.img_size):
                raise ValueError(
                    f'this model of timm takes pictures of {embed.img_size} '
                    f'(height, width) alone, but got {(height, width)}: set '
                    'img_size of model.backbone, or resize the pictures'
                )
        elif not embed.dynamic_img_pad and (
            height % embed.patch_size[0] or width % embed.patch_size[1]
        ):
            raise ValueError(
                f'this model of timm has patches of {embed.patch_size} '
                '(height, width), which must divide those of the pictures, '
                f'but got {(height, width)}: resize the pictures, or set '
                'dynamic_img_pad=True of model.backbone'
            )


def _takes_any_size(model_name: str) -> bool:
    """Whether a model has dynamic sizes; refuse other families by name."""
    try:
        from timm.models import is_model, model_entrypoint
        from timm.models import split_model_name_tag as split
    except ImportError as error:
        raise ImportError(
            'TSCAMTimm needs the package timm: pip install timm safetensors '
            f'({error})'
        ) from error

    if not isinstance(model_name, str) or not is_model(model_name):
        raise ValueError(
            f'timm has no model {model_name!r}; timm.list_models("*name*") '
            'finds names'
        )
    module = model_entrypoint(split(model_name)[0]).__module__
    family = module.rpartition('.')[2]
    if family not in FAMILIES:
        raise ValueError(
            f"timm's {model_name!r} is of {family}; TSCAMTimm takes models "
            f'of {", ".join(FAMILIES)}, which have global attention and a '
            'class token'
        )
    return FAMILIES[family]


def _check_tokens(model_name: str, model: nn.Module) -> None:
    if getattr(model, 'cls_token', None) is None:
        raise ValueError(
            f"timm's {model_name!r} has no class token (SigLIP and models "
            'that average tokens have none), so no class-token attention to '
            'make score maps of'
        )
    if not isinstance(getattr(model, 'patch_drop', None), nn.Identity | None):
        raise ValueError(
            'patch_drop_rate must be 0, as score maps need every patch'
        )


def _attach_tap(block: nn.Module) -> FusedAttentionTap:
    """Send the attention of a block through a tap."""
    # Blocks of parallel attention and MLP have no module for the former.
    attention = getattr(block, 'attn', block)
    for module in block.modules():
        if hasattr(module, 'fused_attn'):
            module.fused_attn = True
    tap = FusedAttentionTap()
    attention.forward = TappedForward(attention.forward, tap)
    return tap
