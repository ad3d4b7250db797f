# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Checkpoint files: reading them safely, converting, stripping, loading."""

import argparse
import io
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from mmpretrain.models import ImageClassifier
from torch import Tensor, nn

from projects.scm.models.backbones import TSCAMViT, convert_official_keys
from projects.scm.models.heads import SCMHead, TSCAMHead
from projects.scm.utils import write_file

CALIBRATION = 'head.calibration.'

_multiarray = (
    np._core.multiarray if hasattr(np, '_core') else (np.core.multiarray)
)
# What MMEngine and the official codes save beside weights. None of these
# runs anything when it is read.
_HARMLESS = [
    argparse.Namespace,
    HistoryBuffer,
    getattr,  # how Python pickles the methods that HistoryBuffer keeps
    _multiarray._reconstruct,
    _multiarray.scalar,
    np.ndarray,
    np.dtype,
    *{
        type(np.dtype(code))
        for code in '?' + np.typecodes['AllInteger'] + np.typecodes['AllFloat']
    },
]


def read_checkpoint(path: str | Path, trust: bool = False) -> Any:
    """Read a checkpoint file without running code that it might contain.

    Args:
        path (str | Path): A file, or a URL as MMEngine takes them.
        trust (bool): Read it even where it holds more than weights and
            plain data; this can run any code. Defaults to False.

    Returns:
        Any: Content, tensors on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint, or one that must be trusted.
    """
    if '://' in str(path):
        return CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f'checkpoint "{path}" does not exist')
    try:
        with torch.serialization.safe_globals(_HARMLESS):
            return torch.load(file, map_location='cpu', weights_only=not trust)
    except UnpicklingError as error:
        unsafe = re.search(r'GLOBAL (\S+)', str(error))
        if unsafe is None:
            raise ValueError(f'{path}: no checkpoint ({error})') from error
        raise ValueError(
            f'{path}: holds {unsafe[1]}, beside weights; reading that can '
            'run code. If you trust where the file comes from, convert it '
            'with --trust (tools/model_converters)'
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise ValueError(f'{path}: no checkpoint ({error})') from error


def write_checkpoint(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint at once: it appears whole, or not at all."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_file(path, buffer.getvalue())


def find_weights(content: Any, path: str | Path) -> dict[str, Tensor]:
    """The weights in what a checkpoint file holds.

    Args:
        content (Any): ``{'state_dict': …}`` (MMEngine, official code),
            ``{'model': …}`` (DeiT), or the weights themselves.
        path (str | Path): The file, for messages.

    Returns:
        dict[str, Tensor]: Without ``module.`` before the names.

    Raises:
        ValueError: If there are none.
    """
    weights = content
    if isinstance(content, Mapping):
        for entry in ('state_dict', 'model'):
            if isinstance(content.get(entry), Mapping):
                weights = content[entry]
                break
    if not isinstance(weights, Mapping) or not weights:
        raise ValueError(
            f'{path}: expected weights, or a dict with them under '
            f"'state_dict' or 'model', but got {_describe(content)}"
        )
    for name, value in weights.items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f'{path}: expected only tensors among the weights, but '
                f'{name!r} is {_describe(value)}'
            )
    return {re.sub(r'^module\.', '', k): v for k, v in weights.items()}


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
            f'or odd. Names: {_few(weights)}'
        ) from error
    found = {name: tuple(value.shape) for name, value in converted.items()}
    _compare(found, expected, path)
    return converted


def _expected_shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple]:
    """Shapes of a whole model of the size that some weights tell."""
    patch = weights['backbone.patch_embed.projection.weight']
    classes, channels = weights['head.semantic.weight'].shape[:2]
    tokens = weights['backbone.pos_embed'].size(1) - 1
    hidden = weights['backbone.layers.0.ffn.layers.0.0.weight'].size(0)
    layers = _count(weights, r'backbone\.layers\.(\d+)\.')
    blocks = _count(weights, r'head\.calibration\.blocks\.(\d+)\.')
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
    parts = (('backbone', backbone), ('head', head))
    return {
        f'{part}.{name}': tuple(value.shape)
        for part, module in parts
        for name, value in module.state_dict().items()
    }


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
            f'Names: {_few(weights)}'
        )
    kept = OrderedDict(
        (name, value)
        for name, value in weights.items()
        if name not in set(removed)
    )
    return kept, removed


def load_weights(model: nn.Module, path: str | Path) -> dict[str, Any]:
    """Load a checkpoint that must fit, calibration apart.

    Prediction does not use the calibration, so its weights may be there or
    not, in the file as in the model.

    Args:
        model (nn.Module): An ``ImageClassifier``.
        path (str | Path): A file or a URL.

    Returns:
        dict[str, Any]: ``meta`` of the checkpoint, empty if it has none.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If weights are missing, too many, or of another shape.
    """
    content = read_checkpoint(path)
    weights = find_weights(content, path)
    if 'head.weight' in weights and weights['head.weight'].dim() == 4:
        raise ValueError(
            f'{path}: is a checkpoint of the official TS-CAM or SCM code; '
            'convert it with '
            'tools/model_converters/official_to_mmpretrain.py'
        )
    own = model.state_dict()
    # A position embedding of another grid is resized by the backbone.
    flexible = {'backbone.pos_embed'}
    _compare(
        {k: tuple(v.shape) for k, v in weights.items() if k not in flexible},
        {k: tuple(v.shape) for k, v in own.items() if k not in flexible},
        path,
        optional=CALIBRATION,
    )
    model.load_state_dict(weights, strict=False)
    meta = content.get('meta')
    return dict(meta) if isinstance(meta, Mapping) else {}


def check_model(model: nn.Module) -> ImageClassifier:
    """Refuse a model that has no score maps.

    Raises:
        TypeError: If it is no ``ImageClassifier`` with a ``TSCAMHead``.
    """
    head = getattr(model, 'head', None)
    if not isinstance(model, ImageClassifier) or not isinstance(
        head, TSCAMHead
    ):
        raise TypeError(
            'expected an ImageClassifier with a TSCAMHead or SCMHead, but '
            f'got {type(model).__name__} with head {type(head).__name__}'
        )
    return model


def _compare(
    found: Mapping[str, tuple],
    expected: Mapping[str, tuple],
    path: str | Path,
    optional: str | None = None,
) -> None:
    """Raise unless two sets of names and shapes are the same."""

    def listed(names: set[str]) -> list[str]:
        return sorted(
            n for n in names if optional is None or not n.startswith(optional)
        )

    missing = listed(expected.keys() - found.keys())
    unknown = listed(found.keys() - expected.keys())
    odd = [
        f'{name} is {found[name]} instead of {expected[name]}'
        for name in sorted(found.keys() & expected.keys())
        if found[name] != expected[name]
    ]
    problems = [
        f'{count} {what}: {_few(names)}'
        for what, names in (
            ('missing', missing),
            ('not expected', unknown),
            ('of another shape', odd),
        )
        if (count := len(names))
    ]
    if problems:
        raise ValueError(
            f'{path}: weights do not fit the model. ' + '; '.join(problems)
        )


def _count(weights: Mapping[str, Tensor], pattern: str) -> int:
    found = [re.match(pattern, name) for name in weights]
    return len({match[1] for match in found if match})


def _few(names: Mapping | list[str], limit: int = 5) -> str:
    names = list(names)
    more = len(names) - limit
    return ', '.join(names[:limit]) + (f' and {more} more' * (more > 0))


def _describe(value: Any) -> str:
    if isinstance(value, Mapping):
        return f'a dict with {_few([str(key) for key in value])}'
    return type(value).__name__
