# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Refuses checkpoints that do not fit the model of a run."""

import warnings
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from projects.scm.engine.unwrapping import unwrap
from projects.scm.utils.model_building import build_without_memory
from projects.scm.utils.weights import (
    CALIBRATION,
    Fit,
    check_fit,
    find_weights,
    load_fitting,
    refuse_official,
)

# What may be absent, or of another shape: what prediction does not use, and
# the head where training begins with other classes.
_CALIBRATIONS = (CALIBRATION, f'classifier.{CALIBRATION}')
_HEADS = ('head.', 'classifier.head.')


@HOOKS.register_module()
class CheckpointFitHook(Hook):
    """Look at what a checkpoint fills before anything is run with it.

    MMEngine loads what fits and logs the rest, so that a run with a foreign
    file goes on with random weights. Here:

    * a test needs every weight but the calibration's;
    * ``load_from`` needs every weight but the head's.

    Of ``--resume`` :class:`ResumeCheckHook` takes care.

    Models that are split over devices (FSDP) are looked at by names and shapes
    of the same model without memory.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._found: tuple[Fit, list[str], list[str]] | None = None

    def after_load_checkpoint(
        self, runner: Runner, checkpoint: dict[str, Any]
    ) -> None:
        """See what fits; what is then right depends on what is run.

        Raises:
            ValueError: If there are no weights at all, or odd numbers.
        """
        if runner._resume:
            return
        model = unwrap(runner.model)
        path = _path(runner)
        weights = find_weights(checkpoint, path)
        refuse_official(weights, path)
        if model is None:
            # It holds a part of it in each process.
            model = build_without_memory(runner.cfg.model)
        with warnings.catch_warnings():
            # On the meta device nothing is copied, which is what is wanted.
            warnings.filterwarnings('ignore', '.*copying from a non-meta')
            fit = load_fitting(model, weights, path)
        self._found = fit, list(weights), list(model.state_dict())

    def before_train(self, runner: Runner) -> None:
        """Check what training starts from."""
        self._check(
            runner,
            _HEADS,
            cure='load_from takes a checkpoint of such a model; weights of a '
            'backbone alone are for model.backbone.init_cfg',
        )

    def before_val(self, runner: Runner) -> None:
        """Check what is tested, or validated and nothing but that."""
        self._check(runner, _CALIBRATIONS)

    before_test = before_val

    def _check(
        self, runner: Runner, optional: tuple[str, ...], **words: str
    ) -> None:
        if self._found is not None:
            found, self._found = self._found, None
            check_fit(*found, _path(runner), optional, **words)


def _path(runner: Runner) -> str:
    """What is loaded, for messages."""
    return str(runner._load_from)
