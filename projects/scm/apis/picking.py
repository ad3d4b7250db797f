# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A model of some classes out of a classifier of many, without training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmpretrain.registry import MODELS
from torch import Tensor, nn

from projects.scm.utils.checkpoint_door import read_checkpoint
from projects.scm.utils.config_options import read_config
from projects.scm.utils.weights import (
    check_fit,
    describe_names,
    find_weights,
    load_fitting,
)

from .checkpoints import check_model, write_checkpoint


def pick_classes(
    source: str | Path,
    target: str | Path,
    config: str | Path,
    classes: Sequence[int],
    cfg_options: Mapping[str, Any] | None = None,
    by_order: bool = False,
    trust: bool = False,
) -> str:
    """Write a checkpoint; see ``tools/model_converters/pick_classes.py``.

    Args:
        source (str | Path): Weights with a linear classifier (C, D) called
            ``head``, ``fc`` or ``classifier``.
        target (str | Path): The checkpoint.
        config (str | Path): Its head has one linear layer.
        classes (Sequence[int]): Rows of the classifier, each in [0, C).
        cfg_options (Mapping, optional): What ``--cfg-options`` gave.
            Defaults to None.
        by_order (bool): Whether tensors are matched by their order, their
            names being others. Defaults to False.
        trust (bool): Whether reading may run code. Defaults to False.

    Returns:
        str: What was written.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If the model has no score maps.
        ValueError: If weights do not fit, or a class does not exist.
    """
    weights = find_weights(read_checkpoint(source, trust), source)
    cfg = read_config(config, cfg_options)
    cfg.model.backbone.init_cfg = None
    cfg.model.head.num_classes = len(classes)
    model = check_model(MODELS.build(cfg.model))
    layers = [m for m in model.head.modules() if isinstance(m, nn.Linear)]
    if len(layers) != 1:
        raise ValueError(
            f'{config}: expected a head with one linear layer, got '
            f'{type(model.head).__name__} with {len(layers)}'
        )
    (linear,) = layers
    name = _find_classifier(weights, linear.in_features, source)
    rows, bias = weights.pop(f'{name}.weight'), weights.pop(f'{name}.bias')
    odd = [n for n in classes if not 0 <= n < len(rows)]
    if odd:
        raise ValueError(
            f'classes: expected rows of {name}, 0 to {len(rows) - 1}, got '
            f'{odd}'
        )
    if by_order:
        weights = _renamed(model.backbone, weights, source)
    fit = load_fitting(model.backbone, weights, source)
    check_fit(fit, weights, model.backbone.state_dict(), source)
    linear.load_state_dict(
        {'weight': rows[list(classes)], 'bias': bias[list(classes)]}
    )
    write_checkpoint(target, {'state_dict': model.state_dict()})
    return f'wrote {target}: {len(classes)} classes of {len(rows)}'


def _find_classifier(
    weights: Mapping[str, Tensor], channels: int, source: str | Path
) -> str:
    """Name of the linear layer (C, channels) that classifies."""
    for name, value in weights.items():
        stem, _, kind = name.rpartition('.')
        bias = weights.get(f'{stem}.bias')
        if (
            kind == 'weight'
            and stem.lstrip('_').endswith(('head', 'fc', 'classifier'))
            and bias is not None
            and value.shape == (*bias.shape, channels)
        ):
            return stem
    raise ValueError(
        f'{source}: expected a linear layer (C, {channels}) called head, fc '
        f'or classifier, got {describe_names(weights)}'
    )


def _renamed(
    backbone: nn.Module, given: Mapping[str, Tensor], source: str | Path
) -> dict[str, Tensor]:
    """Weights under the names of the model's, which come in this order."""
    own = backbone.state_dict()
    if len(own) != len(given):
        raise ValueError(
            f'{source}: has {len(given)} tensors beside the classifier, the '
            f'backbone {len(own)}: not the same in another order of names'
        )
    return dict(zip(own, given.values(), strict=True))
