# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A vision transformer that loops by hand can follow."""

import torch
from mmpretrain.registry import MODELS

TINY = dict(embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=32)


def vit(backbone, head, **options):
    """Double precision, three layers, grid of 2x3, four classes."""
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(
                type=backbone, arch=TINY, img_size=(32, 48), patch_size=16
            ),
            head=dict(type=head, in_channels=16, num_classes=4, **options),
        )
    )
    torch.manual_seed(1)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.double().eval()
