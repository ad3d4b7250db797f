# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Backbones that load weights as others write them.

What is done is renaming and resizing. Whether everything is there is for
whoever loads.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .checkpoint_keys import convert_timm_keys
from .weight_layouts import fit_position, to_timm_names


class ForeignWeightsMixin:
    """Converts weights of other layouts before they are loaded.

    A class overrides :meth:`convert_weights`. The conversion comes before
    that of the parent, which knows one layout only.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        handle = self._register_load_state_dict_pre_hook(self._convert_below)
        self._load_state_dict_pre_hooks.move_to_end(handle.id, last=False)

    def _convert_below(self, weights: dict, prefix: str, *args: Any) -> None:
        # DeiT's files have them in an entry, which MMEngine leaves there.
        wrapped = weights.pop(f'{prefix}model', None)
        if isinstance(wrapped, Mapping):
            weights.update({f'{prefix}{k}': v for k, v in wrapped.items()})
        inner = {
            name.removeprefix(prefix): weights.pop(name)
            for name in list(weights)
            if name.startswith(prefix)
        }
        converted = self.convert_weights(inner) if inner else {}
        weights.update({f'{prefix}{k}': v for k, v in converted.items()})

    def convert_weights(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Weights of any layout under this backbone's names.

        Args:
            weights (dict[str, Tensor]): As they were read, its own layout
                included.

        Returns:
            dict[str, Tensor]: What is known renamed and resized.
        """
        raise NotImplementedError


class TimmNamesMixin(ForeignWeightsMixin):
    """For ViTs of mmpretrain: files of timm, DeiT, DINOv2, Hugging Face."""

    #: Whether the position embedding has places for class token and others.
    POSITION_OF_EXTRA_TOKENS = True

    def convert_weights(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """See :meth:`ForeignWeightsMixin.convert_weights`."""
        weights, antialias = to_timm_names(weights)
        if not any(name.startswith('blocks.') for name in weights):
            return weights
        weights.pop('mask_token', None)
        weights = fit_position(
            weights,
            self.patch_embed.init_out_size,
            self.num_extra_tokens if self.POSITION_OF_EXTRA_TOKENS else 0,
            antialias,
        )
        return convert_timm_keys(weights)
