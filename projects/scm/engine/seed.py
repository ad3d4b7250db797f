# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The seed of a run, and a training dataloader that uses it."""

from typing import Any

from mmengine.dist import get_rank
from mmengine.runner import Runner

# By the scope that has them: detectors of mmdet are trained in another.
_DATASET = 'mmpretrain.SeededDataset'
_SAMPLER = 'mmpretrain.SeededSampler'


def run_seed(runner: Runner) -> int:
    """The seed that all processes of a run share.

    Args:
        runner (Runner): Its own seed is another in each process with
            ``randomness.diff_rank_seed``.

    Returns:
        int: At least 0.
    """
    if runner._randomness_cfg.get('diff_rank_seed', False):
        return runner.seed - get_rank()
    return runner.seed


def seed_dataloader(dataloader: dict, seed: int) -> dict[str, Any]:
    """Config of a dataloader that seeds every sample.

    Args:
        dataloader (dict): Config of a dataloader. It is not changed.
        seed (int): Of the run.

    Returns:
        dict[str, Any]: The same with dataset and sampler wrapped, or the
        same if they are already.
    """
    if dataloader['dataset'].get('type') == _DATASET:
        return dataloader
    return {
        **dataloader,
        'dataset': dict(
            type=_DATASET, dataset=dataloader['dataset'], seed=seed
        ),
        'sampler': dict(
            type=_SAMPLER, sampler=dataloader['sampler'], seed=seed
        ),
    }
