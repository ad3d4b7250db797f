# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Weights of every layout for a model of timm that is already built."""

import re
import sys
from collections.abc import Mapping

from torch import Tensor, nn

from .weight_layouts import fit_position, to_timm_names

# Of training, of other tasks, or computed: not read.
_UNUSED = re.compile(
    r'^(?:mask_token$|local_cls_norm|rope_embed\.|attn_pool\.'
    r'|(?:head|head_dist|lm_head)\.)|relative_position_index$|bias_mask$'
)
# Other names of one thing, by family; the one that the model has is taken.
_SYNONYMS = (
    (r'^(?:register_tokens|storage_tokens)$', 'reg_token'),
    (r'\.ls(\d)\.gamma$', r'.gamma_\1'),
    (r'\.gamma_(\d)$', r'.ls\1.gamma'),
    (r'\.mlp\.w12\.', '.mlp.fc1.'),
    (r'\.mlp\.w3\.', '.mlp.fc2.'),
)


def fit_timm_weights(
    weights: Mapping[str, Tensor], model: nn.Module
) -> dict[str, Tensor]:
    """Rename and resize weights for a vision transformer of timm.

    Files of timm, DeiT, DINOv2, DINOv3, EVA, BEiT and Hugging Face are read;
    what their authors' own layouts need beyond names is done by timm's
    filters. Names that nothing is known of stay as they are.

    Args:
        weights (Mapping[str, Tensor]): As they were read.
        model (nn.Module): Of ``timm.create_model``, without a classifier.

    Returns:
        dict[str, Tensor]: For ``model.load_state_dict``. A norm after
        pooling stands for the last norm where there is no other, and a last
        norm that the model has not is left out, as are classifiers.

    Raises:
        ValueError: If the position embedding cannot be resized.
    """
    own = model.state_dict()
    weights, antialias = to_timm_names(weights)
    named = {
        _find_name(name, own): value
        for name, value in weights.items()
        if not _UNUSED.search(name)
    }
    # DINOv3's own files have any numbers for keys, and a mask over them.
    masked = any(name.endswith('.bias_mask') for name in weights)
    named = _split_biases(named, own, masked)
    if 'pos_embed' in own:
        named = fit_position(
            named,
            model.patch_embed.grid_size,
            0
            if getattr(model, 'no_embed_class', False)
            else model.num_prefix_tokens,
            antialias,
        )
    own_filter = sys.modules[type(model).__module__].checkpoint_filter_fn
    named = own_filter(named, model, antialias=antialias)
    pooled = 'norm.weight' in own and 'norm.weight' not in named
    fitted = {}
    for name, value in named.items():
        if name.startswith('fc_norm.'):
            if not pooled:
                continue
            name = name.removeprefix('fc_')
        if not (name.startswith('norm.') and name not in own):
            fitted[name] = value
    return fitted


def _find_name(name: str, own: Mapping) -> str:
    if name not in own:
        for pattern, replacement in _SYNONYMS:
            other, count = re.subn(pattern, replacement, name)
            if count and other in own:
                return other
    return name


def _split_biases(
    weights: Mapping[str, Tensor], own: Mapping, masked: bool
) -> dict[str, Tensor]:
    """Biases of queries and values, for attention that has none of keys.

    A model without any takes zeros for none. Other ones stay, so that
    loading tells of them.
    """
    split = {}
    for name, value in weights.items():
        start = name.removesuffix('qkv.bias')
        query, key, val = value.chunk(3) if start != name else (None,) * 3
        if start == name or name in own or (key.any() and not masked):
            split[name] = value
        elif f'{start}q_bias' in own:
            split[f'{start}q_bias'] = query
            split[f'{start}v_bias'] = val
        elif query.any() or val.any():
            split[name] = value
    return split
