# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What of a config a checkpoint remembers, and what has changed since."""

from collections.abc import Iterator, Mapping
from typing import Any

#: What decides the course of a training.
_PARTS = (
    'model',
    'data_preprocessor',
    'optim_wrapper',
    'param_scheduler',
    'train_cfg',
    'train_dataloader',
    'randomness',
)
#: What does not change it, though it stands in there.
_WITHOUT_EFFECT = (
    'model.backbone.init_cfg',
    'model.init_cfg',
    'train_cfg.max_epochs',
    'train_cfg.max_iters',
    'train_cfg.val_',
    'train_dataloader.dataset.data_root',
    'train_dataloader.num_workers',
    'train_dataloader.persistent_workers',
    'train_dataloader.pin_memory',
    'train_dataloader.prefetch_factor',
)


def flatten_settings(cfg: Mapping[str, Any]) -> dict[str, str]:
    """The settings of a config that decide the course of a training.

    Args:
        cfg (Mapping): A config, or parts of it.

    Returns:
        dict[str, str]: Values as Python writes them, by dotted key.
    """
    return {
        key: value
        for part in _PARTS
        for key, value in _flatten(part, cfg.get(part))
        if not key.startswith(_WITHOUT_EFFECT)
    }


def _flatten(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flatten(f'{key}.{name}', inner)
    elif isinstance(value, (list, tuple)) and any(
        isinstance(inner, Mapping) for inner in value
    ):
        for index, inner in enumerate(value):
            yield from _flatten(f'{key}[{index}]', inner)
    else:
        yield key, repr(value)


def compare_settings(
    before: Mapping[str, str], now: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Find the settings that differ.

    Args:
        before (Mapping[str, str]): Of :func:`flatten_settings`.
        now (Mapping[str, str]): Likewise.

    Returns:
        dict[str, tuple[str, str]]: Both values by key; 'not set' where one
        has none.
    """
    keys = [*before, *(key for key in now if key not in before)]
    pairs = {
        key: (before.get(key, 'not set'), now.get(key, 'not set'))
        for key in keys
    }
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
