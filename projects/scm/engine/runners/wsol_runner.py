# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Runners whose resumed trainings equal uninterrupted ones."""

from mmengine.registry import RUNNERS
from mmengine.runner import BaseLoop, FlexibleRunner, Runner

from projects.scm.engine.seed import run_seed, seed_dataloader

__all__ = ['InterruptibleMixin', 'WSOLFlexibleRunner', 'WSOLRunner']


class InterruptibleMixin:
    """What is added to a runner of MMEngine.

    Every sample of the training set is seeded from the seed of the run and
    the place where it is drawn, see :mod:`projects.scm.datasets.seeding`.
    Drop path and dropout are seeded by ``IterationSeedHook``.
    """

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the training loop on a dataloader that seeds each sample.

        Args:
            loop (BaseLoop | dict): As MMEngine takes it.

        Returns:
            BaseLoop: The training loop.
        """
        if isinstance(self._train_dataloader, dict):
            self._train_dataloader = seed_dataloader(
                self._train_dataloader, run_seed(self)
            )
        return super().build_train_loop(loop)


@RUNNERS.register_module()
class WSOLRunner(InterruptibleMixin, Runner):
    """MMEngine's ``Runner``, for trainings that can be interrupted."""


@RUNNERS.register_module()
class WSOLFlexibleRunner(InterruptibleMixin, FlexibleRunner):
    """MMEngine's ``FlexibleRunner``, likewise."""
