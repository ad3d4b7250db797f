# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Lines of the log."""

import logging

from mmengine.logging import MMLogger

from projects.scm.engine.log_processor import (
    keep_console_short,
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


def test_long_lists_stand_in_the_file_alone(tmp_path, capsys) -> None:
    file = tmp_path / 'run.log'
    logger = MMLogger(
        'console', logger_name='console', log_file=str(file), log_level='INFO'
    )
    keep_console_short(logger)
    lists = [
        f'\n{"-" * 60}\nSystem environment:\n    sys.platform: linux',
        "Config:\nmodel = dict(type='SCMHead')",
        'Hooks will be executed in the following order:\nbefore_run:',
        'paramwise_options -- head.semantic.bias:weight_decay=0.0',
    ]
    for text in [*lists, 'training set: all of 18 images there']:
        logger.info(text)
    said = [
        x.partition('INFO - ')[2] for x in capsys.readouterr().out.split('\n')
    ]
    assert said == [
        f'environment, config and hooks: {file}',
        'training set: all of 18 images there',
        '',
    ]
    kept = file.read_text()
    assert all(text in kept for text in lists)
