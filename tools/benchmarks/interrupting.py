# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Processes that can be killed, and disks that can be filled."""

import contextlib
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

#: Room on a disk that is to be filled, MiB.
_DISK_MIB = 8


def start(target: Callable[[], Any], log: Path) -> int:
    """Start a function in a process of its own, the first of a group.

    Args:
        target (Callable): What it runs.
        log (Path): Where its output goes.

    Returns:
        int: Number of the process.
    """
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        with log.open('ab') as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        target()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def end(pid: int) -> int:
    """Wait for a process; its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def ends_within(
    pid: int,
    seconds: float = math.inf,
    until: Callable[[], bool] = lambda: False,
) -> bool:
    """Wait for a process; whether it has ended by itself.

    Args:
        pid (int): The process.
        seconds (float): To wait at most.
        until (Callable): What ends the waiting as well, once it is true.
    """
    deadline = time.monotonic() + seconds
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while not os.waitid(os.P_PID, pid, options):
        left = deadline - time.monotonic()
        if left <= 0 or until():
            return False
        time.sleep(min(left, 0.01))
    return True


def may_mount() -> bool:
    """Whether a small file system can be had."""
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(OSError):
        done = subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'soak', folder],
            capture_output=True,
        )
        if done.returncode == 0:
            subprocess.run(['umount', folder], check=True)
            return True
    return False


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[Callable[[int, int], Callable[[], None]]]:
    """A small disk; gives what fills it up to some bytes, and that undoes it.

    Args:
        folder (Path): Where it is mounted.
    """
    folder.mkdir(parents=True)
    if not may_mount():

        def limit(free: int, pid: int) -> Callable[[], None]:
            bounds = (max(free, 4096), resource.RLIM_INFINITY)
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, bounds)
            return lambda: None

        yield limit
        return
    options = f'size={_DISK_MIB}m'
    command = ['mount', '-t', 'tmpfs', '-o', options, 'soak', str(folder)]
    subprocess.run(command, check=True)

    def fill(free: int, _: int) -> Callable[[], None]:
        ballast = folder / 'ballast'
        room = os.statvfs(folder)
        left = max(room.f_bavail * room.f_frsize - free, 0)
        with contextlib.suppress(OSError), ballast.open('wb') as file:
            file.write(b'0' * left)
        return lambda: ballast.unlink(missing_ok=True)

    try:
        yield fill
    finally:
        subprocess.run(['umount', '-l', str(folder)], check=True)


def parses(path: Path, read: Callable[[str], Any]) -> bool:
    """Whether a file can be read."""
    try:
        read(path.read_text())
    except Exception:
        traceback.print_exc()
        return False
    return True
