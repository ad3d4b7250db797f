# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Weights of vision transformers as others write them, under timm's names.

Pure functions on names and tensors. Files of Hugging Face's transformers have
queries, keys and values apart, and other names than its models in memory have
since its version 5; both are read. Names of timm, DeiT and DINOv2 are one
family, and what the rest is brought to.
"""

import math
import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

_HUGGING_FACE = re.compile(
    r'^(?:vit|deit|dinov2|dinov2_with_registers|dinov3_vit|model)?\.?'
    r'embeddings\.patch_embeddings\.'
)
# In order; all that match rename. What no model of ours has is left out.
_OUTER = r'^(?:vit|deit|dinov2|dinov2_with_registers|dinov3_vit)\.'
_LAYER = r'^(?:encoder\.|model\.)?layers?\.(\d+)\.'
_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (_OUTER, ''),
        (r'^embeddings\.cls_token$', 'cls_token'),
        (r'^embeddings\.mask_token$', 'mask_token'),
        (r'^embeddings\.position_embeddings$', 'pos_embed'),
        (r'^embeddings\.distillation_token$', 'dist_token'),
        (r'^embeddings\.register_tokens$', 'register_tokens'),
        (
            r'^embeddings\.patch_embeddings\.(?:projection\.)?',
            'patch_embed.proj.',
        ),
        (_LAYER, r'blocks.\1.'),
        (r'\.attention\.attention\.(query|key|value)\.', r'.attention.\1.'),
        (r'\.attention\.([qkv])_proj\.', r'.attention.\1.'),
        (r'\.attention\.(?:q|query)\.', '.attn.q.'),
        (r'\.attention\.(?:k|key)\.', '.attn.k.'),
        (r'\.attention\.(?:v|value)\.', '.attn.v.'),
        (r'\.attention\.(?:output\.dense|o_proj)\.', '.attn.proj.'),
        (r'\.intermediate\.dense\.', '.mlp.fc1.'),
        (r'^(blocks\.\d+)\.output\.dense\.', r'\1.mlp.fc2.'),
        (r'\.mlp\.weights_in\.', '.mlp.w12.'),
        (r'\.mlp\.weights_out\.', '.mlp.w3.'),
        (r'\.mlp\.down_proj\.', '.mlp.fc2.'),
        (r'\.layernorm_before\.', '.norm1.'),
        (r'\.layernorm_after\.', '.norm2.'),
        (r'\.layer_scale(\d)\.lambda1$', r'.ls\1.gamma'),
        (r'^layernorm\.', 'norm.'),
    )
)
_HEADS = re.compile(
    r'^(?:head|head_dist|pooler|classifier|cls_classifier'
    r'|distillation_classifier)\.'
)


def to_timm_names(
    weights: Mapping[str, Tensor],
) -> tuple[Mapping[str, Tensor], bool]:
    """Weights of any layout under timm's names, and how they are resized.

    Args:
        weights (Mapping[str, Tensor]): As in a file, or as in memory.

    Returns:
        tuple[Mapping[str, Tensor], bool]: A ViT, DeiT, DINOv2 or DINOv3 of
        Hugging Face under the names of timm and DINOv2, queries, keys and
        values in one, others as they are. Keys without a bias get one of
        zeros. Classifier and pooler are left out. And whether their own code
        resizes position embeddings with antialiasing: timm does, for
        whatever it reads, and so does DINOv2 with registers; Hugging Face's
        other models do not.
    """
    if not any(_HUGGING_FACE.match(name) for name in weights):
        return weights, True
    antialias = any(name.endswith('register_tokens') for name in weights)
    gated = any('.mlp.gate_proj.' in name for name in weights)
    renamed = {}
    for name, value in weights.items():
        for pattern, replacement in _RULES:
            name = pattern.sub(replacement, name)
        if gated:
            name = name.replace('.mlp.gate_proj.', '.mlp.fc1_g.')
            name = name.replace('.mlp.up_proj.', '.mlp.fc1_x.')
        else:
            name = name.replace('.mlp.up_proj.', '.mlp.fc1.')
        if not _HEADS.match(name) and value.numel():
            renamed[name] = value
    return _join_queries_keys_values(renamed), antialias


def _join_queries_keys_values(
    weights: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    joined = {}
    for name, value in weights.items():
        found = re.fullmatch(r'(.*\.attn\.)([qkv])\.(weight|bias)', name)
        if found is None:
            joined[name] = value
            continue
        start, _, kind = found.groups()
        parts = [weights.get(f'{start}{part}.{kind}') for part in 'qkv']
        shape = value.shape
        joined[f'{start}qkv.{kind}'] = torch.cat(
            [value.new_zeros(shape) if p is None else p for p in parts]
        )
    return joined


def fit_position(
    weights: Mapping[str, Tensor],
    grid: tuple[int, int],
    extra_tokens: int,
    antialias: bool,
) -> dict[str, Tensor]:
    """Bring a position embedding to another grid and other extra tokens.

    A position embedding without places for the extra tokens gets some of
    zeros; where the model has no such places, that of the class token is
    added to the class token, which is the same.

    Args:
        weights (Mapping[str, Tensor]): With ``pos_embed`` (1, L, D).
        grid (tuple[int, int]): Rows and columns of the model's patches.
        extra_tokens (int): Places for class token and others that the
            model's own embedding begins with.
        antialias (bool): How to resize it.

    Returns:
        dict[str, Tensor]: The same with ``pos_embed`` of
        (1, extra_tokens + rows·columns, D).

    Raises:
        ValueError: If it is neither of this grid nor of a square one.
    """
    weights = dict(weights)
    position = weights.get('pos_embed')
    patches = math.prod(grid)
    if position is None or position.size(1) == extra_tokens + patches:
        return weights
    for count in (extra_tokens, 1, 0, 2):
        rest = position.size(1) - count
        if rest == patches:
            source = grid
            break
        if rest > 0 and math.isqrt(rest) ** 2 == rest:
            source = (math.isqrt(rest),) * 2
            break
    else:
        raise ValueError(
            f'pos_embed has {position.size(1)} places, which are neither '
            f'{grid[0]}x{grid[1]} patches nor a square of them, with or '
            'without a class token'
        )
    extra, patch = position.split([count, rest], dim=1)
    if extra_tokens > count:
        missing = extra.new_zeros(1, extra_tokens - count, extra.size(2))
        extra = torch.cat([extra, missing], 1)
    elif count and not extra_tokens:
        weights['cls_token'] = weights['cls_token'] + extra[:, :1]
    patch = _resize(patch, source, grid, antialias)
    weights['pos_embed'] = torch.cat([extra[:, :extra_tokens], patch], 1)
    return weights


def _resize(
    patch: Tensor, source: tuple, grid: tuple, antialias: bool
) -> Tensor:
    if source == tuple(grid):
        return patch
    resized = F.interpolate(
        patch.float().mT.unflatten(2, source),
        grid,
        mode='bicubic',
        antialias=antialias,
    )
    return resized.flatten(2).mT.to(patch.dtype)
