# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Makes up for a validation that a kill has prevented."""

from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from mmpretrain.registry import HOOKS

from projects.scm.engine.main_process import on_main_process
from projects.scm.engine.work_folder import read_validated, write_validated


@HOOKS.register_module()
class MissedValidationHook(Hook):
    """Validate a resumed model that was saved but not validated.

    MMEngine saves a checkpoint and validates then; a training that is killed
    in between and resumed would go on with the next epoch, without figures
    of the last one and, with ``save_best``, perhaps without the best model.
    The file ``last_validation`` of the work folder tells what was validated.
    """

    priority = 'LOWEST'  # when all others are ready

    def before_train(self, runner: Runner) -> None:
        """Validate if it is due."""
        iteration = runner.iter

        def is_missed() -> bool:
            # What was validated later belongs to what is not resumed.
            done = min(read_validated(runner.work_dir), iteration)
            write_validated(runner.work_dir, done)
            return 0 < iteration != done and _is_due(runner)

        if on_main_process(is_missed):
            runner.logger.info(
                f'iteration {iteration} was saved but not validated: '
                'validating now'
            )
            runner.val_loop.run()

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, Any] | None = None
    ) -> None:
        """Note what was validated."""
        if is_main_process() and isinstance(runner._train_loop, BaseLoop):
            write_validated(runner.work_dir, runner.iter)


def _is_due(runner: Runner) -> bool:
    """Whether the training loop would have validated where it stands."""
    loop = runner.train_loop
    if runner.val_loop is None:
        return False
    if isinstance(loop, EpochBasedTrainLoop):
        now, last = loop.epoch, loop.max_epochs
        if loop.iter != now * len(loop.dataloader):
            return False  # in the middle of an epoch
    else:
        now, last = loop.iter, loop.max_iters
    loop._decide_current_val_interval()
    return now >= loop.val_begin and (
        now % loop.val_interval == 0 or now == last
    )
