# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Lines of the log."""

import logging

from projects.scm.engine.log_processor import (
    leave_out_deprecations,
    loss_first,
    without_tables,
)


def test_the_loss_stands_behind_the_head() -> None:
    line = (
        'Epoch(train)  [ 1][ 3/12]  lr: 1.0000e-05  eta: 0:04:56  '
        'time: 0.5  loss_cls: 1.5  loss: 2.0'
    )
    # the head itself holds the gap where epochs are aligned
    assert loss_first(line) == (
        'Epoch(train)  [ 1][ 3/12]  loss: 2.0  lr: 1.0000e-05  '
        'eta: 0:04:56  time: 0.5  loss_cls: 1.5'
    )
    assert loss_first('Epoch(val) [1][3/3]  ') == 'Epoch(val) [1][3/3]  '


def test_figures_of_tables_are_not_repeated() -> None:
    line = (
        'Epoch(val) [2][6/6]    accuracy/top1: 50.0000  '
        'wsol/scm/top1_loc: 25.0000  wsol/scm/gt_known_acc: 30.0000  '
        'data_time: 0.1  time: 0.2'
    )
    assert without_tables(line) == (
        'Epoch(val) [2][6/6]    accuracy/top1: 50.0000  data_time: 0.1  '
        'time: 0.2'
    )


def test_only_what_mmengine_says_of_itself_is_left_out(caplog) -> None:
    logger = logging.getLogger('test_log_processor')
    leave_out_deprecations(logger)
    with caplog.at_level(logging.INFO, logger.name):
        logger.warning('"FileClient" will be deprecated in future.')
        logger.warning('"HardDiskBackend" is the alias of "LocalBackend"')
        logger.warning('this matters: %s', 1)
    assert [r.getMessage() for r in caplog.records] == ['this matters: 1']
