# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
import torch
from mmpretrain.registry import MODELS

import projects.scm.register  # noqa: F401

TINY_ARCH = dict(
    embed_dims=32, num_layers=3, num_heads=2, feedforward_channels=64
)


@pytest.fixture
def tiny_arch():
    """Architecture of a ViT that takes milliseconds."""
    return dict(TINY_ARCH)


@pytest.fixture
def build_classifier():
    """Build a tiny classifier: ``build(head type, head arguments…)``."""

    def build(head='SCMHead', num_classes=7, img_size=64, **head_options):
        torch.manual_seed(0)
        model = MODELS.build(
            dict(
                type='ImageClassifier',
                backbone=dict(
                    type='TSCAMViT', arch=dict(TINY_ARCH), img_size=img_size
                ),
                head=dict(
                    type=head,
                    in_channels=32,
                    num_classes=num_classes,
                    **head_options,
                ),
            )
        )
        model.init_weights()
        return model

    return build
