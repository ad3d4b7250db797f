# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Lines of the log: what matters first, nothing twice, nothing of no use."""

import logging
from collections.abc import Mapping
from typing import Any

from mmengine.logging import MMLogger
from mmengine.registry import LOG_PROCESSORS
from mmengine.runner import LogProcessor

#: Between the items of a line, and after the head of one.
_GAP = '  '
#: Figures of ``WSOLEvaluator``, which prints them as a table.
_IN_TABLES = 'wsol/'
#: How MMEngine begins what it says of its own use of itself.
_DEPRECATIONS = ('"FileClient" will be deprecated', '"HardDiskBackend" is the')
#: How long lists begin that MMEngine logs before anything happens, and what it
#: repeats at every line. They are for the file of the log.
_FOR_THE_FILE = (
    f'\n{"-" * 60}\nSystem environment:',
    'Config:\n',
    'Distributed training is not used',
    'Exp name: ',
    'Hooks will be executed in the following order',
    'paramwise_options -- ',
    'The prefix is not set in metric class Dump',
)


@LOG_PROCESSORS.register_module()
class WSOLLogProcessor(LogProcessor):
    """MMEngine's log processor, with other lines and the same values.

    The loss is the first item of a line of training. After a validation or
    a test, figures that stand in a table above are not repeated. Backends and
    the JSON log get all values as before.
    """

    def get_log_after_iter(
        self, *args: Any, **kwargs: Any
    ) -> tuple[Mapping[str, Any], str]:
        """As MMEngine's, the loss before learning rate and times.

        Returns:
            tuple[Mapping, str]: Values of all backends, and the line.
        """
        values, line = super().get_log_after_iter(*args, **kwargs)
        return values, loss_first(line)

    def get_log_after_epoch(
        self, *args: Any, **kwargs: Any
    ) -> tuple[Mapping[str, Any], str]:
        """As MMEngine's, without the figures of tables; likewise."""
        values, line = super().get_log_after_epoch(*args, **kwargs)
        return values, without_tables(line)


def loss_first(line: str) -> str:
    """The line with the item ``loss`` behind its head, where it has one."""
    # A gap aligns the numbers within the head too.
    head, end, rest = line.partition(f']{_GAP}')
    items = rest.split(_GAP)
    losses = [item for item in items if item.startswith('loss:')]
    others = [item for item in items if not item.startswith('loss:')]
    return head + end + _GAP.join(losses + others)


def without_tables(line: str) -> str:
    """The line without the items that stand in tables."""
    items = line.split(_GAP)
    return _GAP.join(i for i in items if not i.startswith(_IN_TABLES))


def leave_out_deprecations(logger: logging.Logger) -> None:
    """Drop what MMEngine logs about its own use of old names of its own.

    Args:
        logger (logging.Logger): Of a run. Everything else it logs stays.
    """
    logger.addFilter(
        lambda record: not str(record.msg).startswith(_DEPRECATIONS)
    )


def keep_console_short(logger: MMLogger) -> None:
    """Leave long lists to the file of a log, and say once where that is.

    Args:
        logger (MMLogger): Of a run. Without a file nothing is left out.
    """
    if logger.log_file is None:
        return
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(
                lambda record: not str(record.msg).startswith(_FOR_THE_FILE)
            )
    logger.info(f'environment, config and hooks: {logger.log_file}')
