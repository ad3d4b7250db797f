# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Logs what a calibration learns, λ and β, while training."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from projects.scm.utils.checks import check_positive


@HOOKS.register_module()
class CalibrationLogHook(Hook):
    """Put the scalars of a calibration beside the loss in the training log.

    The calibration of the model's head is asked for its ``scalars()``; where
    there is none, nothing is logged. Those of SCM go to the message hub as
    ``train/calibration/lambda_<i>`` and ``train/calibration/beta_<i>``, so
    that every line of the log, every
    backend of the visualizer (TensorBoard, W&B…) and the JSON that
    ``analyze_logs`` plots holds them.

    Args:
        interval (int): Iterations between readings. One reading moves two
            numbers a block off the device. Defaults to 10, the interval of
            mmengine's ``LoggerHook``.
    """

    def __init__(self, interval: int = 10) -> None:
        check_positive(interval=interval)
        self.interval = interval

    def before_train(self, runner: Runner) -> None:
        """Record the initial values."""
        self._record(runner)

    def after_train_iter(
        self, runner: Runner, *args: object, **kwargs: object
    ) -> None:
        """Record the values every ``interval`` iterations."""
        if self.every_n_train_iters(runner, self.interval):
            self._record(runner)

    @staticmethod
    def _record(runner: Runner) -> None:
        for module in runner.model.modules():  # through any wrapper
            calibration = getattr(module, 'calibration', None)
            if hasattr(calibration, 'scalars'):
                break
        else:
            return
        scalars = calibration.scalars()
        if not scalars:  # of no blocks
            return
        values = torch.stack(list(scalars.values())).tolist()
        for name, value in zip(scalars, values, strict=True):
            runner.message_hub.update_scalar(
                f'train/calibration/{name}', value
            )
