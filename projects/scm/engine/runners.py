# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Runners whose trainings can be interrupted at any time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS
from mmengine.runner import (
    BaseLoop,
    CheckpointLoader,
    FlexibleRunner,
    Runner,
)
from torch import nn

from projects.scm.engine.log_processor import (
    keep_console_short,
    leave_out_deprecations,
)
from projects.scm.engine.main_process import on_main_process
from projects.scm.engine.seed import run_seed, seed_dataloader
from projects.scm.engine.silent_rank import explain_silence
from projects.scm.engine.work_folder import WorkFolderLock, find_intact
from projects.scm.utils import remove_parts
from projects.scm.utils.environment import without_lines


class InterruptibleMixin:
    """What is added to a runner of MMEngine.

    - Every sample of the training set is seeded from the seed of the run and
      the place where it is drawn, see :mod:`projects.scm.datasets.seeding`.
      Drop path and dropout are seeded by ``IterationSeedHook``.
    - One training at a time writes into a work folder.
    - A resume takes the newest checkpoint that can be read, in the work
      folder as it lies now, and goes on within an epoch too.
    - Where another process gives no answer, the message says so.
    """

    _lock: WorkFolderLock | None = None

    def train(self) -> nn.Module:
        """Train, as MMEngine does.

        Raises:
            WorkFolderInUse: If another training writes into the work folder.
            ValueError: If there are checkpoints to resume from and none can
                be read.
            TimeoutError: If another process gives no answer.
        """
        with explain_silence(), self._locked():
            self._choose_checkpoint()
            return super().train()

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build MMEngine's logger, which tells a user what is of use.

        It is silent about what cannot be changed, and leaves long lists to
        its file.
        """
        logger = super().build_logger(*args, **kwargs)
        leave_out_deprecations(logger)
        keep_console_short(logger)
        if get_device() == 'cpu':
            threads = torch.get_num_threads()
            logger.info(
                f'on the CPU, {threads} thread{"s" * (threads > 1)} '
                '(OMP_NUM_THREADS sets their number)'
            )
        return logger

    def load_checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        """Load a checkpoint, as MMEngine does, which tells of it twice."""
        with without_lines(('Loads checkpoint by ',)):
            return super().load_checkpoint(*args, **kwargs)

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build MMEngine's, on a dataloader that seeds each sample."""
        if isinstance(self._train_dataloader, dict):
            self._train_dataloader = seed_dataloader(
                self._train_dataloader, run_seed(self)
            )
            # Others may draw batches that are not of one size.
            plain = self._train_dataloader.get('batch_sampler') is None
            if plain and isinstance(loop, dict) and loop.get('by_epoch'):
                loop = {**loop, 'type': 'ResumableEpochLoop'}
                loop.pop('by_epoch')
        return super().build_train_loop(loop)

    def save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        """Save a checkpoint, as MMEngine does.

        Raises:
            WorkFolderInUse: If another training has taken the work folder
                over, while this process was stopped for long.
        """
        if self._lock is not None:
            self._lock.verify()
        super().save_checkpoint(*args, **kwargs)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other trainings out of the work folder."""
        lock = WorkFolderLock(self.work_dir)

        def take() -> None:
            lock.__enter__()
            self._lock = lock
            remove_parts(self.work_dir)

        try:
            on_main_process(take)
            yield
        finally:
            if self._lock is not None:
                self._lock = None
                lock.__exit__(None, None, None)

    def _choose_checkpoint(self) -> None:
        """Settle what is resumed, and take its seed before loops are built."""
        if not self._resume:
            return
        path, problems, seed = on_main_process(self._find_checkpoint)
        for problem in problems:
            self.logger.warning(
                f'a checkpoint cannot be read, so an earlier one is resumed: '
                f'{problem}'
            )
        if path is None:
            self.logger.info(
                f'there is no checkpoint in {self.work_dir} to resume from: '
                'training begins anew'
            )
            self._resume = False
            return
        self._load_from = path
        self._use_seed(seed)
        # All weights come from there: those of init_cfg may be of another
        # model by now, or gone.
        weights = self.strategy if isinstance(self, FlexibleRunner) else self
        weights._init_model_weights = lambda model=None: model

    def _find_checkpoint(self) -> tuple[str | None, list[str], int | None]:
        """Path, problems of newer ones, and seed of what is resumed."""
        named = self._load_from
        if isinstance(self._resume, str):
            named = self._resume
        if named is not None:
            return str(named), [], _read_seed(str(named))
        seeds: dict[str, int | None] = {}

        def read(path: str) -> None:
            seeds[path] = _read_seed(path)

        found, problems = find_intact(self.work_dir, read)
        path = None if found is None else str(found)
        return path, problems, seeds.get(path)

    def _use_seed(self, seed: int | None) -> None:
        """Go on with the seed of a checkpoint."""
        if seed is None or seed == self._randomness_cfg.get('seed'):
            return
        if self._randomness_cfg.get('seed') is not None:
            self.logger.warning(
                f'randomness.seed: {seed} in {self._load_from}, '
                f'{self._randomness_cfg["seed"]} in the config; that of the '
                'checkpoint is used'
            )
        self._randomness_cfg.update(seed=seed)
        if isinstance(self, FlexibleRunner):
            self.strategy._set_randomness(**self._randomness_cfg)
        else:
            self.set_randomness(**self._randomness_cfg)


def _read_seed(path: str) -> int | None:
    """Read a checkpoint that can be resumed from; its seed."""
    checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    missing = [
        key
        for key in ('meta', 'state_dict', 'optimizer', 'message_hub')
        if key not in checkpoint
    ]
    if missing:
        raise ValueError(
            f'{path} has no {", ".join(missing)}: it cannot be resumed from, '
            'only loaded (load_from)'
        )
    return checkpoint['meta'].get('seed')


@RUNNERS.register_module()
class WSOLRunner(InterruptibleMixin, Runner):
    """MMEngine's ``Runner``, for trainings that can be interrupted."""


@RUNNERS.register_module()
class WSOLFlexibleRunner(InterruptibleMixin, FlexibleRunner):
    """MMEngine's ``FlexibleRunner``, likewise."""
