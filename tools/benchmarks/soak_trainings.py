# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Tiny trainings that are interrupted and resumed, for ``soak.py``."""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from interrupting import disk, end, ends_within, parses, start
from measuring import REPO

# The tiny training is the tests'.
sys.path.insert(0, str(REPO / 'tests'))

from test_engine import tiny_training

_KEEP = 'default_hooks.checkpoint.max_keep_ckpts'
#: Options of the kinds of training, by name.
TRAININGS: dict[str, dict[str, Any]] = {
    'by epoch, best kept': {
        'train_cfg.max_epochs': 4,
        _KEEP: 1,
        'default_hooks.checkpoint.save_best': 'accuracy/top1',
    },
    'by epoch, 2 workers': {
        'train_cfg.max_epochs': 4,
        _KEEP: 2,
        'train_dataloader.num_workers': 2,
        'train_dataloader.persistent_workers': True,
    },
    'within epochs': {
        'train_cfg.max_epochs': 4,
        _KEEP: 2,
        'default_hooks.checkpoint.by_epoch': False,
        'default_hooks.checkpoint.interval': 2,
    },
    'by iteration': {
        **tiny_training.iteration_options('InfiniteSampler', 12),
        _KEEP: 2,
    },
}


def train(name: str, data: Path, work_dir: Path) -> Callable[[], Any]:
    """A training as a command with ``--resume`` runs it."""

    def run() -> None:
        tiny_training.train(
            tiny_training.tiny_config(
                data, work_dir, resume=True, **TRAININGS[name]
            )
        )

    return run


def run_whole(name: str, data: Path, folder: Path) -> dict[str, Any]:
    """An uninterrupted training: its end, and how long it takes.

    Returns:
        dict[str, Any]: ``seconds`` to its end and ``first`` to its first
        checkpoint, and of the last checkpoint ``digest``, name (``last``) and
        ``bytes``.
    """
    work_dir = folder / f'whole {name}'
    began = time.monotonic()
    log = folder / f'whole {name}.log'
    pid = start(train(name, data, work_dir), log)
    ends_within(pid, until=lambda: any(work_dir.glob('*.pth')))
    first = time.monotonic() - began
    if end(pid):
        raise RuntimeError(log.read_text())
    took = time.monotonic() - began
    last = work_dir / Path((work_dir / 'last_checkpoint').read_text()).name
    return dict(
        seconds=took,
        first=first,
        digest=digest(last),
        last=last.name,
        bytes=last.stat().st_size,
    )


def digest(checkpoint: Path) -> str:
    """Of weights, optimizer and schedulers."""
    sha = hashlib.sha256()

    def take(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            sha.update(str((value.dtype, value.shape)).encode())
            sha.update(value.contiguous().numpy().tobytes())
        elif isinstance(value, dict):
            for key, inner in value.items():
                take(key)
                take(inner)
        elif isinstance(value, (list, tuple)):
            for inner in value:
                take(inner)
        else:
            sha.update(repr(value).encode())

    take(tiny_training.read_state(checkpoint))
    return sha.hexdigest()


def look_at(work_dir: Path) -> dict[str, int]:
    """Count files and half ones of a training that was interrupted."""
    half = 0
    checkpoints = list(work_dir.glob('*.pth'))
    for path in checkpoints:
        try:
            torch.load(path, weights_only=False)
        except Exception:
            traceback.print_exc()
            half += 1
    notes = 0
    pointer = work_dir / 'last_checkpoint'
    if pointer.exists():
        notes += 1
        half += not (work_dir / Path(pointer.read_text()).name).is_file()
    if (work_dir / 'last_validation').exists():
        notes += 1
        half += not parses(work_dir / 'last_validation', json.loads)
    return dict(files=len(checkpoints) + notes, half=half)


def resume(
    code: int, name: str, data: Path, work_dir: Path, whole: dict[str, Any]
) -> dict[str, Any]:
    """What a training that ended with a code has left, and what resuming does.

    ``identical`` tells whether the end is that of the uninterrupted training.
    """
    work_dir.mkdir(exist_ok=True)
    return dict(
        interrupted=int(code != 0),
        before_first=not list(work_dir.glob('*.pth')),
        **look_at(work_dir),
        identical=_resume_to_the_end(name, data, work_dir, whole),
    )


def _resume_to_the_end(
    name: str, data: Path, work_dir: Path, whole: dict[str, Any]
) -> bool:
    log = work_dir.parent / 'log'
    if end(start(train(name, data, work_dir), log)):
        print(log.read_text()[-3000:])
        return False
    left = [path.name for path in work_dir.glob('.*.part')]
    last = work_dir / whole['last']
    same = last.is_file() and digest(last) == whole['digest']
    if left or not same:
        print(log.read_text()[-3000:], left, sorted(os.listdir(work_dir)))
    return same and not left


def start_and_wait(
    begin: Callable[[], int],
    work_dir: Path,
    whole: dict[str, Any],
    chance: random.Random,
    latest: float,
) -> int:
    """Start a training and wait until the time of its interruption.

    That is drawn from the time between the first checkpoint, which is waited
    for, and the end; in one of about six trainings from before the former.
    One that ends before that, as the machine is less busy than it was, tells
    how long a training takes now, and is begun again.

    Args:
        begin (Callable): Starts it afresh; gives its process.
        work_dir (Path): Where its checkpoints appear.
        whole (dict[str, Any]): How long it takes, corrected in place.
        chance (Random): Decides when.
        latest (float): Share of the time between the first checkpoint and
            the end, at the latest.

    Returns:
        int: Its process, which has most probably not ended.
    """
    while True:
        began = time.monotonic()
        pid = begin()
        share = chance.uniform(-0.2 * latest, latest)
        seconds = share * (whole['seconds'] - whole['first'])
        if share < 0:
            ended = ends_within(pid, max(whole['first'] + seconds, 0))
        else:
            ended = ends_within(
                pid, until=lambda: any(work_dir.glob('*.pth'))
            ) or ends_within(pid, seconds)
        if not ended:
            return pid
        if end(pid):
            raise RuntimeError('a training failed that nobody interrupted')
        took = time.monotonic() - began
        whole['first'] *= took / whole['seconds']
        whole['seconds'] = took


def kill_training(
    name: str,
    data: Path,
    folder: Path,
    whole: dict[str, Any],
    chance: random.Random,
) -> dict[str, Any]:
    """Kill a training once, and resume it."""
    work_dir = folder / 'work'

    def begin() -> int:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return start(train(name, data, work_dir), folder / 'log')

    pid = start_and_wait(begin, work_dir, whole, chance, 1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    return resume(end(pid), name, data, work_dir, whole)


def fill_disk(
    name: str,
    data: Path,
    folder: Path,
    whole: dict[str, Any],
    chance: random.Random,
) -> dict[str, Any]:
    """Fill the disk of a training until it fails, and resume with room."""
    with disk(folder / 'disk') as fill:
        work_dir = folder / 'disk' / 'work'

        def begin() -> int:
            shutil.rmtree(work_dir, ignore_errors=True)
            return start(train(name, data, work_dir), folder / 'disk.log')

        # Before the end, as what fails is the next file that is written.
        pid = start_and_wait(begin, work_dir, whole, chance, 0.7)
        empty = fill(chance.randrange(whole['bytes']), pid)
        code = end(pid)
        empty()
        found = resume(code, name, data, work_dir, whole)
        text = (folder / 'disk.log').read_text()
        if code and 'space left' not in text and 'too large' not in text:
            print(text[-3000:])
            found['half'] += 1
        return found
