# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Which checkpoint of a work folder a training goes on from."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from projects.scm.utils import write_file

#: MMEngine's name of the file that holds the path of the last checkpoint.
POINTER = 'last_checkpoint'


def point_to(checkpoint: str | Path, work_dir: str | Path) -> None:
    """Note the last checkpoint, where ``--resume`` looks for it.

    Args:
        checkpoint (str | Path): A file that is complete.
        work_dir (str | Path): The work folder.
    """
    write_file(Path(work_dir, POINTER), str(checkpoint).encode())


def last_checkpoint(work_dir: str | Path) -> Path | None:
    """What ``last_checkpoint`` points to, found in moved folders too.

    Args:
        work_dir (str | Path): The work folder.

    Returns:
        Path | None: The file beside ``last_checkpoint`` if there is one of
        this name: a copied folder goes on from its own. Otherwise the path
        as it stands there. None without ``last_checkpoint``, or if nothing
        stands there.
    """
    pointer = Path(work_dir, POINTER)
    named = pointer.read_text().strip() if pointer.is_file() else ''
    if not named:
        return None
    beside = pointer.with_name(Path(named).name)
    return beside if beside.exists() else Path(named)


def has_checkpoints(work_dir: str | Path) -> bool:
    """Whether there is anything in a work folder to resume from.

    Args:
        work_dir (str | Path): The work folder.

    Returns:
        bool: True for a damaged checkpoint too.
    """
    return any(True for _ in _newest_first(Path(work_dir)))


def find_intact(
    work_dir: str | Path, read: Callable[[str], object]
) -> tuple[Path | None, list[str]]:
    """Find the newest checkpoint of a work folder that can be read.

    Args:
        work_dir (str | Path): The work folder.
        read (Callable[[str], object]): Reads a checkpoint, or raises.

    Returns:
        tuple[Path | None, list[str]]: The checkpoint, None if there is none
        at all, and what was wrong with those that are newer.

    Raises:
        ValueError: If there are checkpoints and none can be read.
    """
    problems: list[str] = []
    for path in _newest_first(Path(work_dir)):
        try:
            read(str(path))
        except Exception as error:  # of a damaged file, anything
            problems.append(f'{path}: {type(error).__name__}: {error}')
        else:
            return path, problems
    if problems:
        raise ValueError(
            f'no checkpoint in {work_dir} can be read, so there is nothing to '
            'resume from:\n  ' + '\n  '.join(problems) + '\nMove the folder '
            'away to begin anew'
        )
    return None, problems


def _newest_first(work_dir: Path) -> Iterator[Path]:
    """The last checkpoint and those that were written before it."""
    last = last_checkpoint(work_dir)
    if last is None:
        # Killed between the first checkpoint and the note of it.
        found = [path for path in work_dir.glob('*.pth') if _number(path)]
        yield from sorted(
            found, key=lambda path: path.stat().st_mtime_ns, reverse=True
        )
        return
    beside = work_dir / last.name
    if last != beside and any(map(_number, work_dir.glob('*.pth'))):
        last = beside  # the named one is another folder's, a copy's original
    yield last
    prefix, number = _number(last) or ('', 0)
    earlier = {}
    for path in last.parent.glob('*.pth'):
        other = _number(path)
        # Later ones are of another training in the same folder.
        if other and other[0] == prefix and other[1] < number:
            earlier[other[1]] = path
    for step in sorted(earlier, reverse=True):
        yield earlier[step]


def _number(path: Path) -> tuple[str, int] | None:
    """Prefix and number of ``epoch_12.pth``; None of best checkpoints."""
    match = re.fullmatch(r'(\D*)(\d+)\.pth', path.name)
    if match is None or path.name.startswith('best_'):
        return None
    return match[1], int(match[2])
