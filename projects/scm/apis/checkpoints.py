# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Checkpoints into models that predict, and into files."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmpretrain.models import ImageClassifier
from torch import nn

from projects.scm.models.heads import ScoreMapHead
from projects.scm.utils import write_file
from projects.scm.utils.checkpoint_door import read_checkpoint
from projects.scm.utils.weights import (
    check_fit,
    find_weights,
    load_fitting,
    refuse_official,
)


def write_checkpoint(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint at once: it appears whole, or not at all."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_file(path, buffer.getvalue())


def load_weights(model: nn.Module, path: str | Path) -> dict[str, Any]:
    """Load a checkpoint that must fit, calibration apart.

    Prediction does not use the calibration, so its weights may be there or
    not, in the file as in the model.

    Args:
        model (nn.Module): An ``ImageClassifier``.
        path (str | Path): A file or a URL. Where it holds code, it is read
            only within :func:`~projects.scm.utils.trust.trusted`.

    Returns:
        dict[str, Any]: ``meta`` of the checkpoint, empty if it has none.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If weights are missing, too many, or of another shape,
            or if reading the file can run code.
    """
    content = read_checkpoint(path)
    weights = find_weights(content, path)
    refuse_official(weights, path)
    fit = load_fitting(model, weights, path)
    check_fit(fit, weights, model.state_dict(), path)
    meta = content.get('meta')
    meta = dict(meta) if isinstance(meta, Mapping) else {}
    _check_classes(meta.get('dataset_meta', {}), path)
    return meta


def _check_classes(meta: Any, path: str | Path) -> None:
    """Refuse names of classes that are none."""
    names = meta.get('classes', ()) if isinstance(meta, Mapping) else meta
    if not isinstance(meta, Mapping) or not (
        isinstance(names, (list, tuple))
        and all(isinstance(name, str) for name in names)
    ):
        raise ValueError(
            f'{path}: meta.dataset_meta: expected a dict, its classes a list '
            f'of names, got {names!r:.100}'
        )


def check_model(model: nn.Module) -> ImageClassifier:
    """Refuse a model that has no score maps.

    Raises:
        TypeError: If it is no ``ImageClassifier`` with a ``ScoreMapHead``.
    """
    head = getattr(model, 'head', None)
    if not isinstance(model, ImageClassifier) or not isinstance(
        head, ScoreMapHead
    ):
        raise TypeError(
            'expected an ImageClassifier with a ScoreMapHead, but '
            f'got {type(model).__name__} with head {type(head).__name__}'
        )
    return model
