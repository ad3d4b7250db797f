# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Weights: finding them in a checkpoint, and making sure that they fit."""

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.nn.modules.module import _IncompatibleKeys

CALIBRATION = 'head.calibration.'
"""What these weights' names begin with; prediction does not need them."""

#: Parts of a file that no model of this project has, and none misses: heads
#: of other tasks, the token of masked training, BERT's pooler, counters.
_EXTRAS = re.compile(
    r'(^|\.)(head_dist|mask_token|pooler|num_batches_tracked)(\.|$)'
    r'|^(backbone\.)?(head|fc|classifier)s?(\.|$)'
)
#: Resized by backbones where the grid is another one.
_FLEXIBLE = re.compile(r'pos_embed|relative_position')


def find_weights(content: Any, path: str | Path) -> dict[str, Tensor]:
    """The weights in what a checkpoint file holds.

    Args:
        content (Any): ``{'state_dict': …}`` (MMEngine, official code),
            ``{'model': …}`` (DeiT), or the weights themselves.
        path (str | Path): The file, for messages.

    Returns:
        dict[str, Tensor]: Without ``module.`` before the names.

    Raises:
        ValueError: If there are none, or some are complex, NaN or infinite,
            or whole numbers where there must be real ones.
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
        if not isinstance(name, str):
            raise ValueError(
                f'{path}: expected names of weights as text, but got {name!r}'
            )
        if not isinstance(value, Tensor):
            raise ValueError(
                f'{path}: expected only tensors among the weights, but '
                f'{name!r} is {_describe(value)}'
            )
        if value.layout != torch.strided or value.is_quantized:
            raise ValueError(
                f'{path}: expected dense weights, but {name!r} is '
                f'{value.layout}, {value.dtype}'
            )
    _check_values(weights, path)
    return {re.sub(r'^module\.', '', k): v for k, v in weights.items()}


def _check_values(weights: Mapping[str, Tensor], path: str | Path) -> None:
    """Refuse numbers that nothing can be computed with."""
    odd = []
    for name, value in weights.items():
        if value.is_complex():
            odd.append(f'{name} is complex ({value.dtype})')
        elif _is_weight(name) and not value.is_floating_point():
            odd.append(f'{name} is of integers ({value.dtype})')
        elif value.is_floating_point() and not value.is_meta:
            finite = int(torch.isfinite(value.float()).sum())
            if finite < value.numel():
                odd.append(
                    f'{name}: {value.numel() - finite} of {value.numel()} '
                    'values are NaN or infinite'
                )
    if odd:
        raise ValueError(
            f'{path}: expected finite real weights, but '
            f'{len(odd)} of {len(weights)} are not: {describe_names(odd)}'
        )


def _is_weight(name: str) -> bool:
    """Whether this is multiplied or added, and no index or counter."""
    return name.rpartition('.')[2] in ('weight', 'bias')


def refuse_official(weights: Mapping[str, Tensor], path: str | Path) -> None:
    """Name the converter where weights are those of the official codes.

    Args:
        weights (Mapping[str, Tensor]): Of :func:`find_weights`.
        path (str | Path): The file, for messages.

    Raises:
        ValueError: If they are.
    """
    if 'head.weight' in weights and weights['head.weight'].dim() == 4:
        raise ValueError(
            f'{path}: is a checkpoint of the official TS-CAM or SCM code; '
            'convert it with '
            'tools/model_converters/official_to_mmpretrain.py'
        )


class Fit(NamedTuple):
    """How weights fit a model; all names sorted, with shapes behind them."""

    missing: list[str]
    """What the model has and the weights have not."""
    unexpected: list[str]
    """What the weights have and the model has not."""
    odd: list[str]
    """``name is (3,) instead of (7,)``, and odd kinds of numbers."""
    fitting: int
    """How many of the model's are filled."""
    extras: list[str]
    """Unexpected ones that are known to be of no use, and let pass."""


def load_fitting(
    module: nn.Module, weights: Mapping[str, Tensor], path: str | Path
) -> Fit:
    """Load what fits, and tell what does not.

    The module's own hooks rename and resize first, as ever.

    Args:
        module (nn.Module): A model, or a part of one.
        weights (Mapping[str, Tensor]): Of :func:`find_weights`.
        path (str | Path): The file, for messages.

    Returns:
        Fit: What fits.

    Raises:
        ValueError: If the weights cannot even be tried.
    """
    own = module.state_dict()
    odd = {
        name: f'{name} is {_kind(weights[name])} instead of {_kind(value)}'
        for name, value in own.items()
        if name in weights and not _alike(name, weights[name], value)
    }
    taken = OrderedDict(
        (name, value) for name, value in weights.items() if name not in odd
    )
    try:
        found = module.load_state_dict(taken, strict=False)
    except Exception as error:  # hooks raise all kinds
        # PyTorch tells of the shapes alone: the rest is tried without them.
        clashes = _read_clashes(error, path)
        for name in clashes:
            taken.pop(name, None)
        try:
            found = module.load_state_dict(taken, strict=False)
        except Exception as again:
            clashes |= _read_clashes(again, path)
            found = _IncompatibleKeys([], [])
        odd |= clashes
    missing, unexpected = found.missing_keys, found.unexpected_keys
    missing = sorted(set(missing) - set(odd))
    extras = [name for name in unexpected if _EXTRAS.search(name)]
    unexpected = sorted(set(unexpected) - set(extras))
    return Fit(
        [f'{name} {_kind(own[name])}' for name in missing],
        [
            # Hooks may have renamed it.
            f'{name} {_kind(weights[name])}' if name in weights else name
            for name in unexpected
        ],
        sorted(odd.values()),
        len(own) - len(missing) - len(odd),
        sorted(extras),
    )


def _alike(name: str, value: Tensor, own: Tensor) -> bool:
    same_kind = value.is_floating_point() == own.is_floating_point()
    return same_kind and (
        value.shape == own.shape or bool(_FLEXIBLE.search(name))
    )


def _kind(value: Tensor) -> str:
    shape = tuple(value.shape)
    return f'{shape}' if value.is_floating_point() else f'{shape} of integers'


def _read_clashes(error: Exception, path: str | Path) -> dict[str, str]:
    """What PyTorch's message says of the shapes, by name."""
    found = re.findall(
        r'size mismatch for (\S+): .*?\[([\d, ]*)\].*?\[([\d, ]*)\]',
        str(error),
    )
    if not found:
        raise ValueError(
            f'{path}: weights do not fit the model '
            f'({type(error).__name__}: {error})'
        ) from error
    return {name: f'{name} is ({a}) instead of ({b})' for name, a, b in found}


def check_fit(
    fit: Fit,
    names: Iterable[str],
    expected: Iterable[str],
    path: str | Path,
    optional: tuple[str, ...] = (CALIBRATION,),
    cure: str = 'Take the config that the file was trained with',
) -> None:
    """Refuse weights that do not fit; say what was let pass.

    Args:
        fit (Fit): Of :func:`load_fitting`.
        names (Iterable[str]): Of the weights in the file.
        expected (Iterable[str]): Of the model.
        path (str | Path): The file, for messages.
        optional (tuple[str, ...]): Beginnings of names that may be missing,
            unexpected or odd. Defaults to the calibration's.
        cure (str): What to do, for the message. Defaults to the words for a
            whole model.

    Raises:
        ValueError: If weights are missing, too many, or of another shape or
            kind.
    """

    def split(found: list[str]) -> tuple[list[str], list[str]]:
        free = [name for name in found if name.startswith(optional)]
        return [name for name in found if name not in set(free)], free

    problems, passed = [], list(fit.extras)
    for what, found in (
        ('missing', fit.missing),
        ('not expected', fit.unexpected),
        ('of another shape or kind', fit.odd),
    ):
        wrong, free = split(found)
        passed += [f'{name} ({what})' for name in free]
        if wrong:
            problems.append(f'{len(wrong)} {what}: {describe_names(wrong)}')
    names, expected = list(names), list(expected)
    if problems:
        hint = _prefix_hint(names, set(expected))
        raise ValueError(
            f'{path}: weights do not fit the model: {fit.fitting} of '
            f"{len(expected)} fit. {'; '.join(problems)}. The file's names "
            f'are {describe_names(names, 3)}{hint}. {cure}'
        )
    if passed:
        print_log(
            f'{path}: not loaded, which is all right: '
            f'{describe_names(passed, 10)}',
            'current',
        )


def _prefix_hint(names: list[str], expected: set[str]) -> str:
    """Words about a beginning without which more names would fit."""
    beginnings = {''}
    for name in names:
        parts = name.split('.')
        for count in range(1, min(5, len(parts))):
            beginnings.add('.'.join(parts[:count]) + '.')

    def fitting(beginning: str) -> int:
        cut = len(beginning)
        return sum(
            name[cut:] in expected
            for name in names
            if name.startswith(beginning)
        )

    best = max(sorted(beginnings, key=len), key=fitting)
    if best and fitting(best) > fitting(''):
        return (
            f'; without {best!r} at their beginning {fitting(best)} would fit'
        )
    return ''


def describe_names(names: Iterable[str], limit: int = 5) -> str:
    """A few names, and how many more there are."""
    names = list(names)
    more = len(names) - limit
    return ', '.join(names[:limit]) + (f' and {more} more' * (more > 0))


def _describe(value: Any) -> str:
    if isinstance(value, Mapping):
        return f'a dict with {describe_names(map(str, value))}'
    return type(value).__name__
