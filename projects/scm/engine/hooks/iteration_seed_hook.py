# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Random numbers of a training step that depend on the step alone."""

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from projects.scm.engine.seed import run_seed
from projects.scm.utils.randomness import seed_iteration


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seed before each iteration, from the run's seed, iteration and rank.

    Drop path, dropout and batch augmentations then draw the same whether the
    training was resumed or not. Samples are seeded by
    :class:`~projects.scm.datasets.SeededDataset`.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(
        self, runner: Runner, *args: object, **kwargs: object
    ) -> None:
        """Seed all generators of this process."""
        seed_iteration(run_seed(runner), runner.iter, get_rank())
