# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Models for their names and shapes."""

import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn

from projects.scm.utils.model_building import build_without_memory


@MODELS.register_module()
class ModelThatCounts(nn.Linear):
    """Its layers depend on a number that it computes."""

    def __init__(self, wide: bool = True) -> None:
        super().__init__(2, int(torch.tensor(3 if wide else 1).item()))


@MODELS.register_module()
class ModelOfShapes(nn.Linear):
    """Nothing is computed."""


def test_there_is_no_memory() -> None:
    model = build_without_memory(
        {'type': 'ModelOfShapes', 'in_features': 9, 'out_features': 7}
    )
    assert model.weight.is_meta
    assert model.weight.shape == (7, 9)


def test_what_computes_while_it_is_built() -> None:
    model = build_without_memory({'type': 'ModelThatCounts'})
    assert model.weight.shape == (3, 2)
    assert not model.weight.is_meta


def test_unknown_words_are_told() -> None:
    with pytest.raises(TypeError, match='height'):
        build_without_memory({'type': 'ModelThatCounts', 'height': 1})
