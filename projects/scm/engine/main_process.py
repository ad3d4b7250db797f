# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What one process does, and all must know."""

from collections.abc import Callable
from typing import Any, TypeVar

from mmengine.dist import broadcast_object_list, is_main_process

Result = TypeVar('Result')


def on_main_process(function: Callable[[], Result]) -> Result:
    """Let the main process do something for all of them.

    Args:
        function (Callable): What it returns, or raises, can be pickled.

    Returns:
        Any: Its result, in all processes.

    Raises:
        Exception: What it raises, in all processes: none waits for another.
    """
    found: list[Any] = [None, None]
    if is_main_process():
        try:
            found[0] = function()
        except Exception as error:
            found[1] = error
    broadcast_object_list(found)
    result, error = found
    if error is not None:
        raise error
    return result
