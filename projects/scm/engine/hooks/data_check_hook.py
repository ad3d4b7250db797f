# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Looks at images and boxes before a training begins."""

from collections.abc import Sequence
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from projects.scm.datasets.inspection import (
    find_bad_boxes,
    find_missing_images,
)

#: Problems that a message shows.
_SHOWN = 10
#: Share of images that boxes may leave unsuspected. Of CUB's test split it is
#: less than a hundredth; where corners are taken for sides it is most.
_LEAVING = 0.1


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Refuse a training whose data would stop it in an hour.

    All images of the training and the validation set must be there, and the
    boxes of the validation set must fit them. Folders are listed and headers
    of images read, so this takes seconds; whether images decode shows when
    they are read.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Look at both sets.

        Raises:
            ValueError: With the number of problems and the first ten.
        """
        refusal = [None]
        if is_main_process():
            sets = {'training': runner.train_dataloader.dataset}
            if runner.val_loop is not None:
                sets['validation'] = runner.val_dataloader.dataset
            refusal = [_describe(sets, runner)]
        broadcast_object_list(refusal)
        if refusal[0]:
            raise ValueError(refusal[0])


def _describe(sets: dict[str, Any], runner: Runner) -> str | None:
    """What is wrong with the sets; None if nothing is."""
    for name, dataset in sets.items():
        if not hasattr(dataset, 'get_data_info'):
            continue  # of several sets, say
        missing = find_missing_images(dataset)
        if missing:
            return _message(
                f'{len(missing)} of the {len(dataset)} images of the {name} '
                'set do not exist',
                missing,
            )
        problems, opened, leaving = find_bad_boxes(dataset)
        if problems:
            return _message(
                f'{len(problems)} of {opened} images of the {name} set have '
                'boxes that do not fit them',
                problems,
            )
        runner.logger.info(
            f'{name} set: all {len(dataset)} images are there'
            + (f', boxes fit in {opened} images looked at' * bool(opened))
        )
        if leaving > _LEAVING * opened:
            runner.logger.warning(
                f'{name} set: boxes of {leaving} of {opened} images leave '
                'them and are cut; are corners given where width and height '
                'belong, or were the images made smaller?'
            )
    return None


def _message(summary: str, lines: Sequence[str]) -> str:
    shown = ''.join(f'\n  {line[:400]}' for line in lines[:_SHOWN])
    more = len(lines) - _SHOWN
    return f'{summary}:{shown}' + (f'\n  and {more} more' * (more > 0))
