# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Lines of the log that tell how far a validation or a test is."""

from typing import Any

from mmengine.hooks import LoggerHook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from projects.scm.utils.progress import Tenths


@HOOKS.register_module()
class ProgressLoggerHook(LoggerHook):
    """MMEngine's, with a line for every tenth of a validation or a test.

    MMEngine writes one every ``interval`` batches, more than most test sets
    have, so that minutes pass in silence.

    Args:
        **kwargs: As for MMEngine's ``LoggerHook``.
    """

    def before_val_epoch(self, runner: Runner) -> None:
        """Begin to count."""
        self._tenths = Tenths(len(runner.val_dataloader))

    def before_test_epoch(self, runner: Runner) -> None:
        """Begin to count."""
        self._tenths = Tenths(len(runner.test_dataloader))

    def after_val_iter(
        self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any
    ) -> None:
        """Log after a tenth, or ``interval`` batches."""
        self._log_tenth(runner, batch_idx, 'val')

    def after_test_iter(
        self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any
    ) -> None:
        """Log after a tenth, or ``interval`` batches."""
        self._log_tenth(runner, batch_idx, 'test')

    def _log_tenth(self, runner: Runner, batch_idx: int, mode: str) -> None:
        # The end has a line of its own, with the figures.
        due = 0 < self._tenths.passed(batch_idx + 1) < 100
        if due or self.every_n_inner_iters(batch_idx, self.interval):
            _, line = runner.log_processor.get_log_after_iter(
                runner, batch_idx, mode
            )
            runner.logger.info(line)
