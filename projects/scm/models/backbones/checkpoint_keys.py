# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Names of weights: from timm, DeiT and the official SCM to mmpretrain's."""

import re
from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor

# In order; the first that matches renames.
_BACKBONE_RULES = (
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^blocks\.(\d+)\.norm(\d)\.', r'layers.\1.ln\2.'),
    (
        r'^blocks\.(\d+)\.(?:ls1\.gamma|gamma_1)$',
        r'layers.\1.attn.gamma1.weight',
    ),
    (
        r'^blocks\.(\d+)\.(?:ls2\.gamma|gamma_2)$',
        r'layers.\1.ffn.gamma2.weight',
    ),
    (r'^blocks\.(\d+)\.mlp\.(w12|w3)\.', r'layers.\1.ffn.\2.'),
    (r'^blocks\.(\d+)\.mlp\.fc1\.', r'layers.\1.ffn.layers.0.0.'),
    (r'^blocks\.(\d+)\.mlp\.fc2\.', r'layers.\1.ffn.layers.1.'),
    (r'^blocks\.(\d+)\.', r'layers.\1.'),
    (r'^norm\.', 'ln1.'),
)
_HEAD_RULES = (
    (r'^head\.', 'semantic.'),
    (r'^layers\.(\d+)\.fuse\._loss_rate$', r'calibration.blocks.\1.balance'),
    (r'^layers\.(\d+)\.thred$', r'calibration.blocks.\1.threshold'),
)


def _rename(name: str, rules: tuple) -> str | None:
    for pattern, replacement in rules:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    return None


def convert_timm_keys(
    state_dict: Mapping[str, Tensor],
) -> 'OrderedDict[str, Tensor]':
    """Rename a ViT of timm to the names of mmpretrain's backbone.

    A classifier (``head…``) is left out: its 1000 classes and its shape are
    those of another head.

    Args:
        state_dict (Mapping[str, Tensor]): Weights.

    Returns:
        OrderedDict[str, Tensor]: Those that are known renamed, the others as
        they were.
    """
    return OrderedDict(
        (_rename(name, _BACKBONE_RULES) or name, value)
        for name, value in state_dict.items()
        if not name.startswith('head')
    )


def convert_official_keys(state_dict: Mapping) -> 'OrderedDict[str, Tensor]':
    """Rename a checkpoint of the official TS-CAM or SCM code.

    Args:
        state_dict (Mapping): ``state_dict`` of the official model, with or
            without ``module.`` before every name.

    Returns:
        OrderedDict[str, Tensor]: Weights of an ``ImageClassifier`` with
        :class:`TSCAMViT` and :class:`TSCAMHead` or :class:`SCMHead`.

    Raises:
        ValueError: If it holds no semantic head (``head.weight`` of four
            dimensions), so that it is not such a checkpoint.
    """
    names = {re.sub(r'^module\.', '', k): v for k, v in state_dict.items()}
    weight = names.get('head.weight')
    if weight is None or weight.dim() != 4:
        found = None if weight is None else tuple(weight.shape)
        raise ValueError(
            'expected an official TS-CAM or SCM checkpoint with a 3x3 '
            f'convolution "head.weight" (C, D, 3, 3), but got {found}; first '
            f'names: {list(names)[:5]}'
        )
    head, rest = OrderedDict(), {}
    for name, value in names.items():
        renamed = _rename(name, _HEAD_RULES)
        if renamed is None:
            rest[name] = value
        else:
            head[f'head.{renamed}'] = value
    backbone = convert_timm_keys(rest)
    return OrderedDict(
        (*((f'backbone.{k}', v) for k, v in backbone.items()), *head.items())
    )
