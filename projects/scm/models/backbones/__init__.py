# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Vision transformers that give tokens and class-token attention."""

from .checkpoint_keys import (
    convert_conformer_keys,
    convert_official_keys,
    convert_timm_keys,
)
from .full_attention import (
    LeGradTimm,
    LeGradViT,
    PatchAttentionTimm,
    PatchAttentionViT,
    RolloutTimm,
    RolloutViT,
)
from .tscam_conformer import TSCAMConformer
from .tscam_timm import TSCAMTimm
from .tscam_vit import (
    TSCAMEVA02,
    TokenAttentionMixin,
    TSCAMBEiT,
    TSCAMDeiT3,
    TSCAMDistilledViT,
    TSCAMViT,
)

__all__ = [
    'TSCAMEVA02',
    'LeGradTimm',
    'LeGradViT',
    'PatchAttentionTimm',
    'PatchAttentionViT',
    'RolloutTimm',
    'RolloutViT',
    'TSCAMBEiT',
    'TSCAMConformer',
    'TSCAMDeiT3',
    'TSCAMDistilledViT',
    'TSCAMTimm',
    'TSCAMViT',
    'TokenAttentionMixin',
    'convert_conformer_keys',
    'convert_official_keys',
    'convert_timm_keys',
]
