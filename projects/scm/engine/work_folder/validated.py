# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A note of how far a training was validated."""

from pathlib import Path

from projects.scm.utils import read_json, write_json

#: Beside MMEngine's ``last_checkpoint``.
NOTE = 'last_validation'


def write_validated(work_dir: str | Path, iteration: int) -> None:
    """Note that the model of an iteration was validated.

    Args:
        work_dir (str | Path): The work folder.
        iteration (int): Iterations that the model was trained for.
    """
    write_json(Path(work_dir, NOTE), {'iteration': iteration})


def read_validated(work_dir: str | Path) -> int:
    """Read how far a training was validated.

    Args:
        work_dir (str | Path): The work folder.

    Returns:
        int: Iterations that the last validated model was trained for; 0 if
        that is not known.
    """
    try:
        note = read_json(Path(work_dir, NOTE))
        return max(int(note['iteration']), 0)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return 0
