# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Conformer with attention maps, and its convolution branch beside them."""

from typing import Any

from mmpretrain.models.backbones import Conformer
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from projects.scm.structures import TokenFeatures

from .attention_tap import OutputTap, TappedMixin, attach_taps, stack_rows
from .checkpoint_keys import convert_conformer_keys
from .weight_loading import ForeignWeightsMixin


@MODELS.register_module()
class TSCAMConformer(ForeignWeightsMixin, TappedMixin, Conformer):
    """Conformer with class-token attention.

    A network of convolutions and a transformer that exchange features at
    every block (*Conformer*, ICCV 2021). See mmpretrain's ``Conformer`` for
    the arguments. Weight files of Conformer's authors load as they are.

    Batch norms use the statistics of the batch while training, as in the
    official code; ``norm_eval``, which mmpretrain accepts without using it,
    is therefore False.

    Args:
        arch (str | dict): ``'tiny'``, ``'small'``, ``'base'``, or sizes.
            Defaults to ``'small'``.
        **kwargs: Arguments of mmpretrain's class. ``out_indices``,
            ``with_cls_token`` and ``norm_eval`` are fixed.

    Raises:
        ValueError: If one of the fixed arguments is given another value.
    """

    def __init__(self, arch: str | dict = 'small', **kwargs: Any) -> None:
        self._pop_fixed(
            kwargs,
            "score maps are made of the class token's attention and the last "
            "block's patch tokens, with batch statistics",
            **dict(out_indices=-1, with_cls_token=True, norm_eval=False),
        )
        super().__init__(arch, norm_eval=False, **kwargs)
        self._taps = attach_taps(self.layers)
        self._tokens = OutputTap(self.trans_norm)
        self.num_extra_tokens = 1

    @property
    def layers(self) -> list[nn.Module]:
        """The transformer's blocks, under the name that ViTs have."""
        stages = range(2, self.fin_stage)
        blocks = [getattr(self, f'conv_trans_{i}').trans_block for i in stages]
        return [self.trans_1, *blocks]

    def convert_weights(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """See :meth:`ForeignWeightsMixin.convert_weights`."""
        return convert_conformer_keys(weights)

    def forward(self, x: Tensor) -> tuple[Tensor, TokenFeatures]:
        """Run the parent.

        Args:
            x (Tensor): Pictures, shape (B, 3, H, W).

        Returns:
            tuple[Tensor, TokenFeatures]: Spatial mean of the convolution
            branch's features, shape (B, C'), and the transformer branch's
            tokens, on a grid of H / 16 and W / 16 patches, rounded up.
        """
        ((convolution, cls_token),) = super().forward(x)
        height, width = x.shape[2:]
        stride = 4 * self.trans_patch_conv.stride[0]
        grid = (-(-height // stride), -(-width // stride))
        patch = self._tokens.take()[:, 1:].mT.unflatten(-1, grid)
        tokens = TokenFeatures(
            patch,
            stack_rows(self._taps, 1, grid),
            cls_token=cls_token,
            input_hw=(height, width),
        )
        return convolution, tokens
