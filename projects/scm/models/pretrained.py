# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""MMEngine's ways to load weights, that refuse what does not fit."""

import functools
from pathlib import Path
from typing import Any

from mmengine import runner
from mmengine.model.weight_init import (
    WEIGHT_INITIALIZERS,
    PretrainedInit,
    update_init_info,
)
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from projects.scm.utils.weights import (
    check_fit,
    find_weights,
    load_fitting,
    refuse_official,
)

_CURE = (
    'init_cfg takes prefix=... to name the part of a file that is meant; '
    'init_cfg=None trains from random weights'
)
_CURE_TIMM = (
    "; TIMMBackbone reads files with timm's own names by checkpoint_path=..."
)
# Where MMEngine records how parameters were set, which are its other keys.
_PENDING = 'pretrained parts of others'


@WEIGHT_INITIALIZERS.register_module(name='Pretrained', force=True)
class FittingPretrainedInit(PretrainedInit):
    """MMEngine's initialiser; models of this project must be filled.

    MMEngine loads what fits, and trains on even where nothing does. Models
    that have no part of this project are initialised as ever. A backbone
    does not know what it is part of: those of others load as ever, and
    :meth:`check_model`, which this project's heads call, looks again.
    """

    def __call__(self, module: nn.Module) -> None:
        """Load the weights.

        Args:
            module (nn.Module): A backbone, or a whole model, whose head may
                be absent in the file or of another shape.

        Raises:
            ValueError: If other weights are missing, too many, or of another
                shape; the message names the file, names, shapes and a cure.
        """
        in_model = hasattr(module, '_params_init_info')
        if not any(_is_ours(part) for part in module.modules()):
            super().__call__(module)
            if in_model:
                module._params_init_info[_PENDING][module] = self
            return
        self._fill(module)
        if in_model:
            update_init_info(module, init_info=self._get_init_info())

    @staticmethod
    def check_model(part: nn.Module) -> None:
        """Refuse what did not fit other parts of a model.

        Args:
            part (nn.Module): Of the model, in ``init_weights`` of which all
                parts share one record.

        Raises:
            ValueError: See :meth:`__call__`.
        """
        pending = getattr(part, '_params_init_info', {}).pop(_PENDING, {})
        for module, init in pending.items():
            init._fill(module)

    def _fill(self, module: nn.Module) -> None:
        cure = _CURE + _CURE_TIMM * (type(module).__name__ == 'TIMMBackbone')
        weights = self._read()
        fit = load_fitting(module, weights, self.checkpoint)
        own = module.state_dict()
        check_fit(fit, weights, own, self.checkpoint, ('head.',), cure)

    def _read(self) -> dict[str, Tensor]:
        """Weights below the prefix, without it."""
        content = CheckpointLoader.load_checkpoint(
            self.checkpoint, map_location=self.map_location, logger='current'
        )
        weights = find_weights(content, self.checkpoint)
        if self.prefix is None:
            return weights
        prefix = self.prefix.removesuffix('.') + '.'
        inner = {
            name[len(prefix) :]: value
            for name, value in weights.items()
            if name.startswith(prefix)
        }
        if not inner:
            raise ValueError(
                f'{self.checkpoint}: has no weights below prefix={prefix!r}; '
                f'its first names are {", ".join(list(weights)[:5])}. {_CURE}'
            )
        return inner


def _is_ours(module: nn.Module | None) -> bool:
    return type(module).__module__.startswith('projects.scm.')


_load_checkpoint = runner.load_checkpoint


@functools.wraps(_load_checkpoint)
def load_checkpoint(
    model: nn.Module, filename: str | Path, *args: Any, **kwargs: Any
) -> Any:
    """MMEngine's, which ``mmpretrain.get_model`` calls.

    Models with a head of this project must be filled, but for the
    calibration; MMEngine would log what is missing and go on. Others, and
    files whose names are to be changed (``revise_keys``), load as ever.

    Raises:
        ValueError: See :func:`~projects.scm.utils.weights.check_fit`.
    """
    renamed = len(args) > 3 or 'revise_keys' in kwargs
    if _is_ours(getattr(model, 'head', None)) and not renamed:
        content = CheckpointLoader.load_checkpoint(str(filename), 'cpu')
        weights = find_weights(content, filename)
        refuse_official(weights, filename)
        fit = load_fitting(model, weights, filename)
        check_fit(fit, weights, model.state_dict(), filename)
    return _load_checkpoint(model, filename, *args, **kwargs)


runner.load_checkpoint = load_checkpoint
