# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Names of weights: those of timm, Conformer and the official SCM, and ours.

One table a family, read from left to right and from right to left.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from torch import Tensor

# Beginnings of names, {n} for a number; the first that matches renames.
_VIT = (
    ('patch_embed.proj.', 'patch_embed.projection.'),
    ('blocks.{n}.norm{n}.', 'layers.{n}.ln{n}.'),
    ('blocks.{n}.ls1.gamma', 'layers.{n}.attn.gamma1.weight'),
    ('blocks.{n}.ls2.gamma', 'layers.{n}.ffn.gamma2.weight'),
    ('blocks.{n}.mlp.fc1.', 'layers.{n}.ffn.layers.0.0.'),
    ('blocks.{n}.mlp.fc2.', 'layers.{n}.ffn.layers.1.'),
    ('blocks.{n}.mlp.w12.', 'layers.{n}.ffn.w12.'),
    ('blocks.{n}.mlp.w3.', 'layers.{n}.ffn.w3.'),
    ('blocks.{n}.gamma_1', 'layers.{n}.attn.gamma1.weight'),  # DeiT III
    ('blocks.{n}.gamma_2', 'layers.{n}.ffn.gamma2.weight'),
    ('blocks.{n}.', 'layers.{n}.'),
    ('norm.', 'ln1.'),
)
_CONFORMER = tuple(
    (f'{block}.{theirs}', f'{block}.{ours}')
    for block in ('trans_{n}', 'conv_trans_{n}.trans_block')
    for theirs, ours in (
        ('norm{n}.', 'ln{n}.'),
        ('mlp.fc1.', 'ffn.layers.0.0.'),
        ('mlp.fc2.', 'ffn.layers.1.'),
    )
)
_CALIBRATION = (
    ('layers.{n}.fuse._loss_rate', 'calibration.blocks.{n}.lambda_'),
    ('layers.{n}.thred', 'calibration.blocks.{n}.beta'),
)
_VIT_HEAD = (('head.', 'semantic.'), *_CALIBRATION)
_CONFORMER_HEAD = (
    ('trans_cls_head.', 'semantic.'),
    ('conv_cls_head.', 'convolution.'),
    *_CALIBRATION,
)


def _rename(name: str, rules: Iterable[tuple[str, str]]) -> str | None:
    """A name with its beginning replaced, or None if no rule is of it."""
    for old, new in rules:
        pattern = re.escape(old).replace(r'\{n\}', r'(\d+)')
        found = re.match(pattern, name)
        if found:
            return (
                new.replace('{n}', '{}').format(*found.groups())
                + (name[found.end() :])
            )
    return None


def _reverse(rules: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(new, old) for old, new in rules]


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
        (_rename(name, _VIT) or name, value)
        for name, value in state_dict.items()
        if not name.startswith('head')
    )


def convert_conformer_keys(
    state_dict: Mapping[str, Tensor],
) -> 'OrderedDict[str, Tensor]':
    """Rename a Conformer of its authors to the names of mmpretrain's.

    Their classifiers of 1000 classes are left out.

    Args:
        state_dict (Mapping[str, Tensor]): Weights.

    Returns:
        OrderedDict[str, Tensor]: Those that are known renamed, the others as
        they were.
    """
    return OrderedDict(
        (_rename(name, _CONFORMER) or name, value)
        for name, value in state_dict.items()
        if not name.startswith(('trans_cls_head.', 'conv_cls_head.'))
    )


def from_official_names(names: Iterable[str]) -> dict[str, str]:
    """Names of an official TS-CAM, SCM or Conformer checkpoint, and ours.

    Args:
        names (Iterable[str]): Of a whole model, with or without ``module.``
            before every one.

    Returns:
        dict[str, str]: Each with the name that an ``ImageClassifier`` of
        this project has for it.
    """
    names = list(names)
    bare = [re.sub(r'^module\.', '', name) for name in names]
    conformer = 'trans_cls_head.weight' in bare
    backbone, head = (
        (_CONFORMER, _CONFORMER_HEAD) if conformer else (_VIT, _VIT_HEAD)
    )
    renamed = {}
    for full, name in zip(names, bare, strict=True):
        in_head = _rename(name, head)
        renamed[full] = (
            f'backbone.{_rename(name, backbone) or name}'
            if in_head is None
            else f'head.{in_head}'
        )
    return renamed


def to_official_names(names: Iterable[str]) -> dict[str, str]:
    """The other way: names of ours, and those of the official codes.

    Args:
        names (Iterable[str]): Of a whole model of this project.

    Returns:
        dict[str, str]: Each with its official name.

    Raises:
        ValueError: If a name has none.
    """
    names = list(names)
    conformer = 'head.convolution.weight' in names
    backbone, head = (
        (_CONFORMER, _CONFORMER_HEAD) if conformer else (_VIT, _VIT_HEAD)
    )
    renamed = {}
    for name in names:
        part, _, inner = name.partition('.')
        if part == 'backbone':
            renamed[name] = _rename(inner, _reverse(backbone)) or inner
        else:
            official = _rename(inner, _reverse(head))
            if part != 'head' or official is None:
                raise ValueError(f'{name!r} has no name in the official codes')
            renamed[name] = official
    return renamed


def convert_official_keys(state_dict: Mapping) -> 'OrderedDict[str, Tensor]':
    """Rename a checkpoint of the official TS-CAM or SCM code.

    Args:
        state_dict (Mapping): ``state_dict`` of the official model, with or
            without ``module.`` before every name.

    Returns:
        OrderedDict[str, Tensor]: Weights of an ``ImageClassifier`` with
        :class:`TSCAMViT` and :class:`TSCAMHead` or :class:`SCMHead`, or
        with :class:`TSCAMConformer` and :class:`ConformerSCMHead`.

    Raises:
        ValueError: If it holds no semantic head (``head.weight``, or
            ``trans_cls_head.weight`` of Conformer, of four dimensions), so
            that it is not such a checkpoint.
    """
    renamed = from_official_names(state_dict)
    converted = {renamed[name]: value for name, value in state_dict.items()}
    weight = converted.get('head.semantic.weight')
    if weight is None or weight.dim() != 4:
        found = None if weight is None else tuple(weight.shape)
        raise ValueError(
            'expected an official TS-CAM or SCM checkpoint with a 3x3 '
            'convolution "head.weight" (C, D, 3, 3), or '
            f'"trans_cls_head.weight" of Conformer, but got {found}; first '
            f'names: {list(state_dict)[:5]}'
        )
    order = sorted(converted, key=lambda name: name.startswith('head.'))
    return OrderedDict((name, converted[name]) for name in order)
