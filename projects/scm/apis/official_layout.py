# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Checkpoints for the official codes, and the account of a conversion."""

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor, nn

from projects.scm.models.backbones import TSCAMConformer
from projects.scm.models.backbones.checkpoint_keys import (
    from_official_names,
    to_official_names,
)
from projects.scm.models.heads import ConformerSCMHead


def to_official(
    weights: Mapping[str, Tensor], path: str | Path
) -> 'OrderedDict[str, Tensor]':
    """Weights of this project under the names of the official codes.

    Args:
        weights (Mapping[str, Tensor]): Of an ``ImageClassifier`` of TS-CAM
            or SCM, on :class:`TSCAMViT` or :class:`TSCAMConformer`.
        path (str | Path): The file, for messages.

    Returns:
        OrderedDict[str, Tensor]: The same tensors.

    Raises:
        ValueError: If a name has no official one.
    """
    try:
        names = to_official_names(weights)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    again = from_official_names(names.values())
    odd = [name for name in names if again[names[name]] != name]
    if odd or 'head.semantic.weight' not in weights:
        raise ValueError(
            f'{path}: expected a TS-CAM or SCM model of this project, on '
            'TSCAMViT or TSCAMConformer, but got names such as '
            f'{", ".join((odd or list(weights))[:3])}'
        )
    return OrderedDict((names[name], weights[name]) for name in weights)


def describe_conversion(
    source: Mapping[str, Tensor], target: Mapping[str, Tensor]
) -> str:
    """What became of every weight, a line each.

    Args:
        source (Mapping[str, Tensor]): Weights before a conversion of names.
        target (Mapping[str, Tensor]): The same tensors after it.

    Returns:
        str: ``old name -> new name (shape)``, or ``(left out)``.
    """
    found = {id(value): name for name, value in target.items()}
    width = max(map(len, source), default=0)
    return '\n'.join(
        f'{name:{width}} -> '
        + (
            f'{found[id(value)]} {tuple(value.shape)}'
            if id(value) in found
            else '(left out)'
        )
        for name, value in source.items()
    )


def conformer_shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple]:
    """Shapes of a whole Conformer of the size that some weights tell.

    Args:
        weights (Mapping[str, Tensor]): Converted official ones.

    Returns:
        dict[str, tuple]: By name.

    Raises:
        KeyError: If one that tells the size is missing.
    """
    classes, channels = weights['head.semantic.weight'].shape[:2]
    hidden = weights['backbone.trans_1.ffn.layers.0.0.weight'].size(0)
    blocks = count_numbers(weights, r'head\.calibration\.blocks\.(\d+)\.')
    stages = count_numbers(weights, r'backbone\.conv_trans_(\d+)\.')
    backbone = TSCAMConformer(
        arch=dict(
            embed_dims=channels,
            depths=1 + stages,
            num_heads=1,  # no shape depends on it
            channel_ratio=1,
        ),
        base_channels=weights['backbone.conv_1.conv3.weight'].size(0),
        patch_size=4 * weights['backbone.trans_patch_conv.weight'].size(2),
        mlp_ratio=hidden / channels,
        qkv_bias='backbone.trans_1.attn.qkv.bias' in weights,
    )
    head = ConformerSCMHead(
        (weights['head.convolution.weight'].size(1), channels),
        classes,
        dict(iterations=[4] * blocks) if blocks else False,
        calibrated_inference=bool(blocks),
    )
    return shapes_of(backbone, head)


def count_numbers(names: Iterable[str], pattern: str) -> int:
    """How many different numbers stand where a pattern has its group."""
    found = (re.match(pattern, name) for name in names)
    return len({match[1] for match in found if match})


def shapes_of(backbone: nn.Module, head: nn.Module) -> dict[str, tuple]:
    """Shapes of the weights of an ``ImageClassifier`` of both, by name."""
    parts = nn.ModuleDict({'backbone': backbone, 'head': head})
    return {k: tuple(value.shape) for k, value in parts.state_dict().items()}
