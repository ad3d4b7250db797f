# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Saves checkpoints so that a kill or a full disk at any time costs none."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from projects.scm.engine.accumulation import (
    Gradients,
    gather_gradients,
    restore_gradients,
)
from projects.scm.engine.work_folder import point_to
from projects.scm.utils import remove_parts

_OUTDATED = 'outdated_ckpts'
_GRADIENTS = 'pending_gradients'


@HOOKS.register_module()
class DurableCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, in an order that loses nothing.

    - A checkpoint is complete before ``last_checkpoint`` names it, and only
      then are those deleted that ``max_keep_ckpts`` and ``save_best`` no
      longer keep. So there is place needed for one more than are kept.
    - Files appear whole, see
      :class:`~projects.scm.utils.file_backend.WholeFileBackend`.
    - A folder that was moved or copied keeps its own best checkpoint, and
      leaves that of the original alone.
    - Gradients that ``accumulative_counts`` has not applied yet are kept,
      those of each process (not of models that are split over devices).

    Its arguments are those of ``CheckpointHook``.
    """

    _gradients: list[Gradients] = []

    def before_train(self, runner: Runner) -> None:
        """Find folder and kept checkpoints; finish what was interrupted."""
        super().before_train(runner)
        self._move_best(runner)
        if is_main_process():
            if '://' not in self.out_dir:
                remove_parts(self.out_dir)
            self._remove(runner.message_hub.get_info(_OUTDATED, []))
        restore_gradients(runner.model, self._gradients)
        self._gradients = []

    def before_save_checkpoint(
        self, runner: Runner, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the gradients that wait for more of the same step."""
        if self._gradients:
            checkpoint[_GRADIENTS] = self._gradients

    def after_load_checkpoint(
        self, runner: Runner, checkpoint: dict[str, Any]
    ) -> None:
        """Take such gradients out of a checkpoint."""
        self._gradients = checkpoint.get(_GRADIENTS, [])

    @contextmanager
    def _with_gradients(self, runner: Runner) -> Iterator[None]:
        """Have waiting gradients at hand for the checkpoint of within."""
        self._gradients = gather_gradients(runner)
        try:
            yield
        finally:
            self._gradients = []

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict[str, Any]
    ) -> None:
        """Save, note what was saved, and delete what is not kept."""
        outdated: list[int] = []
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            kept = [*self.keep_ckpt_ids, step]
            outdated = kept[: -self.max_keep_ckpts]
            self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
            hub = runner.message_hub
            hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
            # For a resume, should this be killed before they are deleted.
            hub.update_info(_OUTDATED, outdated)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        with self._with_gradients(runner):
            runner.save_checkpoint(
                self.out_dir,
                name,
                self.file_client_args,
                save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler,
                meta=meta,
                by_epoch=self.by_epoch,
                backend_args=self.backend_args,
                **self.args,
            )
        if is_main_process():
            point_to(self.last_ckpt, runner.work_dir)
            self._remove(outdated)

    def _save_best_checkpoint(
        self, runner: Runner, metrics: dict[str, Any]
    ) -> None:
        """Save a better one, and only then delete the one before."""
        backend = self.file_backend
        later: list[Callable[[], None]] = []
        self.file_backend = _LaterRemovals(backend, later, self._best_paths)
        try:
            with self._with_gradients(runner):
                super()._save_best_checkpoint(runner, metrics)
        finally:
            self.file_backend = backend
        for remove in later:
            remove()

    def _best_paths(self) -> list[str | None]:
        """Best checkpoints as of now."""
        return [
            getattr(self, 'best_ckpt_path', None),
            *getattr(self, 'best_ckpt_path_dict', {}).values(),
        ]

    def _move_best(self, runner: Runner) -> None:
        """Look for best checkpoints in this folder, not where it was."""
        if not self.save_best:
            return
        hub = runner.message_hub
        for key in list(hub.runtime_info):
            if key != 'best_ckpt' and not key.startswith('best_ckpt_'):
                continue
            path = hub.get_info(key)
            if not path:
                continue
            name = str(path).replace('\\', '/').rpartition('/')[2]
            path = self.file_backend.join_path(self.out_dir, name)
            hub.update_info(key, path)
            if key == 'best_ckpt':
                self.best_ckpt_path = path
            else:
                indicator = key[len('best_ckpt_') :]
                self.best_ckpt_path_dict[indicator] = path

    def _remove(self, steps: list[int]) -> None:
        """Delete checkpoints, which are folders with DeepSpeed."""
        for step in steps:
            path = self.file_backend.join_path(
                self.out_dir, self.filename_tmpl.format(step)
            )
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
            elif self.file_backend.isdir(path):
                self.file_backend.rmtree(path)


class _LaterRemovals:
    """A file backend that puts removals off.

    Args:
        backend (Any): The backend.
        later (list): Gets the removals.
        kept (Callable): Gives the paths that are not to be removed then.
    """

    def __init__(
        self, backend: Any, later: list, kept: Callable[[], list]
    ) -> None:
        self._backend = backend
        self._later = later
        self._kept = kept

    def _put_off(self, function: Callable[[str], None], path: str) -> None:
        def remove() -> None:
            # The same name is written again where a validation is repeated.
            if path not in self._kept():
                function(path)

        self._later.append(remove)

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._backend, name)
        if name in ('remove', 'rmtree'):
            return partial(self._put_off, function)
        return function
