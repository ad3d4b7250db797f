# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Says in words what has changed since the checkpoint that is resumed."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from projects.scm.engine.unwrapping import unwrap
from projects.scm.engine.work_folder import compare_settings, flatten_settings

_SETTINGS = 'settings'
_ADVICE = (
    'To begin anew from its weights, give it as load_from instead: '
    'tools/train.py CONFIG --cfg-options load_from={path}'
)


@HOOKS.register_module()
class ResumeCheckHook(Hook):
    """Compare the config with the one of the checkpoint that is resumed.

    Checkpoints keep the settings that decide the course of a training, as
    plain text by key. Changes that do not fit the weights are refused;
    of others, such as the learning rate, which a resume takes from the
    checkpoint, the log tells.
    """

    priority = 'HIGHEST'

    def before_save_checkpoint(
        self, runner: Runner, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the settings."""
        checkpoint['meta'][_SETTINGS] = _current(runner)

    def after_load_checkpoint(
        self, runner: Runner, checkpoint: dict[str, Any]
    ) -> None:
        """Compare, before anything is loaded.

        Raises:
            ValueError: If the weights do not fit, with the keys that have
                changed and both values.
        """
        if not runner._resume:
            return
        before = checkpoint.get('meta', {}).get(_SETTINGS)
        changed = (
            compare_settings(before, _current(runner))
            if isinstance(before, Mapping)
            else {}
        )
        path = runner._load_from
        advice = _ADVICE.format(path=path)
        misfits = _misfits(runner, checkpoint.get('state_dict', {}))
        if misfits:
            reasons = _lines(
                {
                    key: pair
                    for key, pair in changed.items()
                    if key.startswith('model.')
                }
            )
            raise ValueError(
                f'{path} cannot be resumed by this config'
                + (f'. Changed since:{reasons}' if reasons else '')
                + f'\nWeights that do not fit:{"".join(misfits[:3])}'
                + (f'\n  and {len(misfits) - 3} more' * (len(misfits) > 3))
                + f'\n{advice}'
            )
        if changed:
            runner.logger.warning(
                f'the config has changed since {path} was written:'
                f'{_lines(changed)}\nLearning rate, schedule, seed and state '
                'of the optimizer are those of the checkpoint; the rest is '
                'that of the config, so the result is that of neither. '
                f'{advice}'
            )


def _current(runner: Runner) -> dict[str, str]:
    dataset = runner.train_dataloader.dataset
    return {
        **flatten_settings(runner.cfg),
        'number of processes': str(get_world_size()),
        'number of training images': str(len(dataset)),
    }


def _lines(changed: Mapping[str, tuple[str, str]], limit: int = 10) -> str:
    """A line for each of the first changes."""
    lines = [
        f'\n  {key}: {before[:200]} in the checkpoint, {now[:200]} now'
        for key, (before, now) in list(changed.items())[:limit]
    ]
    if len(changed) > limit:
        lines.append(f'\n  and {len(changed) - limit} more')
    return ''.join(lines)


def _misfits(runner: Runner, weights: Mapping[str, Any]) -> list[str]:
    """A line for each weight of another shape, or on one side only."""
    model = unwrap(runner.model)
    if model is None:
        return []
    shapes = {key: _shape(value) for key, value in model.state_dict().items()}
    saved = {
        key.removeprefix('module.'): _shape(value)
        for key, value in weights.items()
    }
    return [
        f'\n  {key}: {saved.get(key, "absent")} in the checkpoint, '
        f'{shapes.get(key, "absent")} now'
        for key in [*shapes, *(key for key in saved if key not in shapes)]
        if saved.get(key) != shapes.get(key)
    ]


def _shape(value: Any) -> tuple[int, ...] | str:
    if isinstance(value, torch.Tensor):
        return tuple(value.shape)
    return type(value).__name__
