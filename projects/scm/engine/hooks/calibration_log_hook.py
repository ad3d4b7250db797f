# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Logs λ and β of the spatial calibration while training."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from projects.scm.models.calibration import SpatialCalibration

__all__ = ['CalibrationLogHook']


@HOOKS.register_module()
class CalibrationLogHook(Hook):
    """Put λ and β of every block beside the loss in the training log.

    They go to the message hub as ``train/calibration/lambda_<i>`` and
    ``train/calibration/beta_<i>``, so that every line of the log, every
    backend of the visualizer (TensorBoard, W&B…) and the JSON that
    ``analyze_logs`` plots holds them.

    Args:
        interval (int): Iterations between readings. One reading moves two
            numbers a block off the device. Defaults to 10, the interval of
            mmengine's ``LoggerHook``.
    """

    def __init__(self, interval: int = 10) -> None:
        if interval < 1:
            raise ValueError(f'interval: expected at least 1, got {interval}')
        self.interval = interval

    def before_train(self, runner: Runner) -> None:
        """Record the initial values.

        Raises:
            TypeError: If the model has no calibration to log.
        """
        self._record(runner)

    def after_train_iter(
        self, runner: Runner, *args: object, **kwargs: object
    ) -> None:
        """Record the values every ``interval`` iterations."""
        if self.every_n_train_iters(runner, self.interval):
            self._record(runner)

    @staticmethod
    def _calibration(runner: Runner) -> SpatialCalibration:
        """Find the calibration, through any wrapper of the model."""
        for module in runner.model.modules():
            if isinstance(module, SpatialCalibration):
                return module
        raise TypeError(
            'CalibrationLogHook: expected a model with a SpatialCalibration '
            '(SCMHead has one), found none; remove the hook from '
            'custom_hooks'
        )

    def _record(self, runner: Runner) -> None:
        blocks = self._calibration(runner).blocks
        values = torch.stack(
            [
                torch.cat([block.balance.detach(), block.threshold.detach()])
                for block in blocks
            ]
        )
        hub = runner.message_hub
        for index, (lam, beta) in enumerate(values.tolist()):
            hub.update_scalar(f'train/calibration/lambda_{index}', lam)
            hub.update_scalar(f'train/calibration/beta_{index}', beta)
