# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""From one set of weights to another: official names, no calibration."""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from projects.scm.models.backbones import TSCAMViT, convert_official_keys
from projects.scm.models.heads import SCMHead, TSCAMHead
from projects.scm.utils.weights import (
    CALIBRATION,
    Fit,
    check_fit,
    describe_names,
)

from .official_layout import conformer_shapes, count_numbers, shapes_of


def convert_official(
    weights: Mapping[str, Tensor], path: str | Path
) -> 'OrderedDict[str, Tensor]':
    """Official TS-CAM or SCM weights under the names of this project.

    Args:
        weights (Mapping[str, Tensor]): Of :func:`find_weights`.
        path (str | Path): The file, for messages.

    Returns:
        OrderedDict[str, Tensor]: A complete set for an ``ImageClassifier``
        of :class:`TSCAMViT` and :class:`SCMHead` or :class:`TSCAMHead`.

    Raises:
        ValueError: If names or shapes are not those of such a model.
    """
    if any(name.startswith('backbone.') for name in weights):
        raise ValueError(
            f'{path}: already has the names of this project '
            f'({next(iter(weights))!r}): nothing to convert'
        )
    try:
        converted = convert_official_keys(weights)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    try:
        expected = _expected_shapes(converted)
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(
            f'{path}: no plain ViT with a semantic head; {error} is missing '
            f'or odd. Names: {describe_names(weights)}'
        ) from error
    found = {name: tuple(value.shape) for name, value in converted.items()}
    check_fit(
        _compare(found, expected),
        weights,
        expected,
        path,
        optional=(),
        cure='Converted are TS-CAM and SCM of the official codes',
    )
    return converted


def _expected_shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple]:
    """Shapes of a whole model of the size that some weights tell."""
    if 'head.convolution.weight' in weights:
        return conformer_shapes(weights)
    patch = weights['backbone.patch_embed.projection.weight']
    classes, channels = weights['head.semantic.weight'].shape[:2]
    tokens = weights['backbone.pos_embed'].size(1) - 1
    hidden = weights['backbone.layers.0.ffn.layers.0.0.weight'].size(0)
    layers = count_numbers(weights, r'backbone\.layers\.(\d+)\.')
    blocks = count_numbers(weights, r'head\.calibration\.blocks\.(\d+)\.')
    side = round(tokens**0.5) * patch.size(-1)
    with torch.device('meta'):
        backbone = TSCAMViT(
            arch=dict(
                embed_dims=patch.size(0),
                num_layers=layers,
                num_heads=1,  # no shape depends on it
                feedforward_channels=hidden,
            ),
            img_size=side,
            patch_size=patch.size(-1),
            qkv_bias='backbone.layers.0.attn.qkv.bias' in weights,
        )
        head = (
            SCMHead(channels, classes, dict(iterations=[4] * blocks))
            if blocks
            else TSCAMHead(channels, classes)
        )
    return shapes_of(backbone, head)


def strip_calibration(
    weights: Mapping[str, Tensor], path: str | Path
) -> tuple['OrderedDict[str, Tensor]', list[str]]:
    """Weights without those that only training needs.

    Args:
        weights (Mapping[str, Tensor]): Of :func:`find_weights`.
        path (str | Path): The file, for messages.

    Returns:
        tuple[OrderedDict[str, Tensor], list[str]]: What stays, and the names
        of what does not.

    Raises:
        ValueError: If there is no calibration among them.
    """
    removed = [name for name in weights if name.startswith(CALIBRATION)]
    if not removed:
        raise ValueError(
            f'{path}: no weights named {CALIBRATION}*, nothing to strip. '
            f'Names: {describe_names(weights)}'
        )
    kept = OrderedDict(
        (name, value)
        for name, value in weights.items()
        if name not in set(removed)
    )
    return kept, removed


def _compare(found: Mapping[str, tuple], expected: Mapping[str, tuple]) -> Fit:
    """Two sets of names and shapes."""
    common = found.keys() & expected.keys()
    odd = [
        f'{name} is {found[name]} instead of {expected[name]}'
        for name in sorted(common)
        if found[name] != expected[name]
    ]
    return Fit(
        missing=[
            f'{n} {expected[n]}' for n in sorted(expected.keys() - found)
        ],
        unexpected=[
            f'{n} {found[n]}' for n in sorted(found.keys() - expected)
        ],
        odd=odd,
        fitting=len(common) - len(odd),
        extras=[],
    )
