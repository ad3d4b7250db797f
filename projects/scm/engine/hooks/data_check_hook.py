# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Looks at images and boxes before a training or a test begins."""

from functools import partial
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS
from torch import nn

from projects.scm.datasets.annotations import Problems
from projects.scm.datasets.inspection import (
    find_bad_boxes,
    find_missing_images,
)
from projects.scm.datasets.transforms import check_test_transforms
from projects.scm.engine.main_process import on_main_process
from projects.scm.engine.unwrapping import unwrap
from projects.scm.models.heads import ScoreMapHead
from projects.scm.utils.counting import counted

#: Share of images that boxes may leave unsuspected. Of CUB's test split it is
#: less than a hundredth; where corners are taken for sides it is most.
_LEAVING = 0.1


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Refuse a training, or a test, whose data would stop it in an hour.

    All images of its sets must be there, and boxes must fit them. Folders are
    listed and headers of images read, so this takes seconds; whether images
    decode shows when they are read. Nor may test pipeline or
    preprocessor move pixels, and boxes with them.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Look at both sets.

        Raises:
            ValueError: With the number of problems, the first ten, and a
                file of all.
        """
        sets = {'training': runner.train_dataloader.dataset}
        if runner.val_loop is not None:
            sets['validation'] = runner.val_dataloader.dataset
            check_geometry(runner.model, sets['validation'])
        on_main_process(partial(_check, sets, runner))

    def before_test(self, runner: Runner) -> None:
        """Look at the test set; raises as above."""
        dataset = runner.test_dataloader.dataset
        check_geometry(runner.model, dataset)
        on_main_process(partial(_check, {'test': dataset}, runner))


def check_geometry(model: nn.Module, dataset: Any) -> None:
    """Refuse what moves pixels of pictures to be localised in.

    Not every backbone tells its head that it was given padding, and not every
    transform that it was there.

    Args:
        model (nn.Module): As a runner has it.
        dataset (Any): What it is tested on.

    Raises:
        ValueError: If the preprocessor pads, or a transform moves pixels.
    """
    model = unwrap(model)
    if not isinstance(getattr(model, 'head', None), ScoreMapHead):
        return
    pipeline = getattr(dataset, 'pipeline', None)
    check_test_transforms(getattr(pipeline, 'transforms', ()))
    preprocessor = getattr(model, 'data_preprocessor', None)
    divisor = getattr(preprocessor, 'pad_size_divisor', 1)
    if divisor > 1:
        raise ValueError(
            f'data_preprocessor: pad_size_divisor={divisor} pads pictures, '
            'so boxes could not be placed in the original: set '
            'pad_size_divisor=1 and resize all pictures to one size'
        )


def _check(sets: dict[str, Any], runner: Runner) -> None:
    """Refuse sets that are wrong."""
    wrong, summary = Problems(''), []
    for name, dataset in sets.items():
        if not hasattr(dataset, 'get_data_info'):
            continue  # of several sets, say
        missing = find_missing_images(dataset)
        if missing:
            summary.append(
                f'{len(missing)} of the {len(dataset)} images of the {name} '
                'set do not exist'
            )
            wrong.extend(
                f'{path}: no such image ({name} set)' for path in missing
            )
        problems, opened, leaving = find_bad_boxes(dataset)
        if problems:
            summary.append(
                f'{len(problems)} boxes of {opened} images of the {name} set '
                'do not fit them'
            )
            wrong.extend(problems)
        if missing or problems:
            continue
        runner.logger.info(
            f'{name} set: all of {counted(len(dataset), "image")} there'
            + f', boxes fit in {counted(opened, "image")} looked at'
            * bool(opened)
        )
        if leaving > _LEAVING * opened:
            runner.logger.warning(
                f'{name} set: boxes of {leaving} of {opened} images leave '
                'them and are cut; are corners given where width and height '
                'belong, or were the images made smaller?'
            )
    wrong.source = '; '.join(summary)
    wrong.check()
