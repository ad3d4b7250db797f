# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What a detector learns from and is measured with, of a classifier's run."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import RUNNERS, init_default_scope
from mmpretrain.registry import DATASETS

from projects.scm.apis.upstream_tools import adapt_dataloaders
from projects.scm.utils.config_options import training_images

TRAIN_FILE = 'train.json'
"""Boxes of the training images, as the model finds them."""
TEST_FILE = 'test.json'
"""Annotated boxes of the test images."""
RESULTS_FILE = 'test.pkl'
"""Classes of the test images, as the model finds them."""


def write_pseudo_labels(
    config: Config,
    checkpoint: str | PathLike,
    out: str | PathLike,
    box_cfg: Mapping[str, Any] | None = None,
    min_score: float = 0.0,
    area_range: Sequence[float] = (0.0, 1.0),
) -> dict[str, float]:
    """Write boxes of the training images, and what a detector is tested with.

    Args:
        config (Config): Of a trained localization model. Its training images
            get the box of the map of their own class.
        checkpoint (str | PathLike): Of the model.
        out (str | PathLike): Folder for :data:`TRAIN_FILE`,
            :data:`RESULTS_FILE` and, if the test images have annotated
            boxes, :data:`TEST_FILE`.
        box_cfg (Mapping, optional): See ``DumpPseudoLabels``, as the next
            two. Defaults to None.
        min_score (float): Lowest score of a box. Defaults to 0.0.
        area_range (Sequence[float]): Smallest and largest share of an image
            that a box may cover. Defaults to (0.0, 1.0).

    Returns:
        dict[str, float]: Metrics of both runs: ``pseudo/…``,
        ``ground_truth/…`` and those of the config.
    """
    init_default_scope(config.get('default_scope', 'mmpretrain'))
    out = Path(out)
    train = copy.deepcopy(config)
    train.test_dataloader.dataset = training_images(config)
    train.test_evaluator = dict(
        type='DumpPseudoLabels',
        out_file=str(out / TRAIN_FILE),
        data_prefix=_unread(train.test_dataloader.dataset).img_prefix,
        boxes='gt_class',
        box_cfg=box_cfg,
        min_score=min_score,
        area_range=tuple(area_range),
    )
    test = copy.deepcopy(config)
    evaluators = test.test_evaluator
    if not isinstance(evaluators, (list, tuple)):
        evaluators = [evaluators]
    test.test_evaluator = [
        *evaluators,
        dict(type='DumpResults', out_file_path=str(out / RESULTS_FILE)),
    ]
    dataset = _unread(test.test_dataloader.dataset)
    if dataset.metainfo.get('with_boxes'):
        test.test_evaluator.append(
            dict(
                type='DumpPseudoLabels',
                prefix='ground_truth',
                out_file=str(out / TEST_FILE),
                data_prefix=dataset.img_prefix,
                boxes='annotated',
            )
        )
    metrics = {}
    for cfg in (train, test):
        cfg.update(work_dir=str(out), load_from=str(checkpoint))
        adapt_dataloaders(cfg)
        metrics.update(RUNNERS.build(cfg).test())
    return metrics


def _unread(dataset: Mapping[str, Any]) -> Any:
    """A dataset whose annotations are not read."""
    return DATASETS.build({**dataset, 'lazy_init': True})
