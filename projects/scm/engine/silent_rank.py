# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Words for the errors of processes that wait for one that is silent."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.dist import get_dist_info

#: What gloo and NCCL say, each in its own way.
_SILENCE = re.compile(
    r'timed?[ -]?out|connection (reset|closed|refused)|broken pipe',
    re.IGNORECASE,
)


@contextmanager
def explain_silence() -> Iterator[None]:
    """Say what it means if a collective operation ends in an error.

    How long processes wait is ``env_cfg.dist_cfg.timeout`` of the config, in
    seconds.

    Raises:
        TimeoutError: If another process gave no answer.
    """
    rank, world_size = get_dist_info()
    try:
        yield
    except RuntimeError as error:
        if world_size < 2 or not _SILENCE.search(str(error)):
            raise
        raise TimeoutError(
            f'process {rank} of {world_size} had no answer from another one: '
            'it is frozen or has ended (see its own last lines), or something '
            'that takes long runs on one of them alone. They wait for '
            'env_cfg.dist_cfg.timeout seconds. What was saved can be resumed: '
            f'--resume. ({str(error).splitlines()[0][:200]})'
        ) from error
