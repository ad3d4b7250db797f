# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A check that the head has an output for every class of the dataset."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS
from torch import nn


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Compare the classes of head and dataset before anything runs.

    A label beyond the last class ends in an index error on a CPU, and on a
    GPU in a failed assertion of some later call. A head with more outputs
    than there are classes is let through: its labels mean the same. Heads
    without ``num_classes`` and datasets without ``classes`` are too.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the training set, and warn of one that teaches nothing."""
        dataset = runner.train_dataloader.dataset
        check_class_count(runner.model, dataset)
        classes = getattr(dataset, 'metainfo', {}).get('classes')
        if classes is not None and len(classes) == 1:
            runner.logger.warning(
                f'the training set has one class, {classes[0]!r}: cross '
                'entropy of a single class is 0, so nothing is learned. Add a '
                'class of pictures without the object'
            )

    def before_val(self, runner: Runner) -> None:
        """Check the validation set."""
        check_class_count(runner.model, runner.val_dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Check the test set."""
        check_class_count(runner.model, runner.test_dataloader.dataset)


def check_class_count(model: nn.Module, dataset: Any) -> None:
    """Refuse a head with fewer classes than the dataset.

    Args:
        model (nn.Module): A model with ``head``, or a wrapper that has it as
            ``module``.
        dataset (Any): A dataset with ``metainfo``.

    Raises:
        ValueError: Names both numbers.
    """
    while not hasattr(model, 'head') and hasattr(model, 'module'):
        model = model.module
    outputs = getattr(getattr(model, 'head', None), 'num_classes', None)
    classes = getattr(dataset, 'metainfo', {}).get('classes')
    if outputs is None or classes is None or outputs >= len(classes):
        return
    while hasattr(dataset, 'dataset'):  # a wrapper says nothing of itself
        dataset = dataset.dataset
    raise ValueError(
        f'the head has num_classes={outputs}, but {type(dataset).__name__} '
        f'has {len(classes)} classes, {classes[0]!r} to {classes[-1]!r}: set '
        f'model.head.num_classes={len(classes)} and the same in '
        'data_preprocessor, or give the dataset its own classes (classes=..., '
        'or classes.txt in a folder laid out like CUB-200-2011)'
    )
