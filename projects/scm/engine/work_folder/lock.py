# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A lock of a work folder: one training at a time writes into it."""

import logging
import os
import socket
import threading
import time
import uuid
from pathlib import Path

from filelock import FileLock
from mmengine.logging import print_log

from projects.scm.utils import read_json, write_json

#: Name of the file in the work folder.
LOCK = '.training.lock'
#: Seconds between signs of life.
HEARTBEAT_S = 20.0
#: Seconds without a sign of life after which a lock counts as left behind.
STALE_S = 180.0


class WorkFolderInUse(RuntimeError):
    """Another training writes into the work folder."""


class WorkFolderLock:
    """Keeps other trainings out of a work folder.

    The file ``.training.lock`` names host, process and time, and its own time
    is renewed as a sign of life. A lock is left behind, and taken over, if
    its process has ended (seen from the same host), or if there was no sign
    of life for three minutes (seen from elsewhere, as in a container).

    Args:
        work_dir (str | Path): The work folder. It is made on entering.
        heartbeat_s (float): Seconds between signs of life.
        stale_s (float): Seconds without one after which another training may
            take over.
    """

    def __init__(
        self,
        work_dir: str | Path,
        heartbeat_s: float = HEARTBEAT_S,
        stale_s: float = STALE_S,
    ) -> None:
        self.path = Path(work_dir, LOCK)
        self.heartbeat_s = heartbeat_s
        self.stale_s = stale_s
        self._token = uuid.uuid4().hex
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def check(self) -> None:
        """See whether the folder is free, without taking it.

        Raises:
            WorkFolderInUse: With host, process and time of the other.
        """
        owner = self._read()
        if owner is None or owner.get('token') == self._token:
            return
        age = self._age()
        gone = _has_ended(owner)
        if gone or (gone is None and age > self.stale_s):
            return
        message = (
            f'{self.path.parent} is in use by another training: host '
            f'{owner.get("host", "unknown")}, process '
            f'{owner.get("pid", "unknown")}, since '
            f'{owner.get("since", "unknown")}, last sign of life {age:.0f} s '
            'ago. Wait for its end, or give another --work-dir'
        )
        if gone is None:
            message += (
                '. If it was killed on its host, its lock is left behind '
                f'{self.stale_s:.0f} s after the last sign of life: start '
                'again then'
            )
        raise WorkFolderInUse(message)

    def __enter__(self) -> 'WorkFolderLock':
        """Take the folder, and give signs of life from now on.

        Raises:
            WorkFolderInUse: As :meth:`check`.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._take()
        self._thread = threading.Thread(
            target=self._give_signs_of_life, name='work folder', daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Free the folder."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._is_ours():
            self.path.unlink(missing_ok=True)

    def verify(self) -> None:
        """Make sure that nobody has taken over, before something is written.

        A process that was stopped for long may find its folder taken.

        Raises:
            WorkFolderInUse: If another training has the folder.
        """
        if self._is_ours():
            return
        # Removed by somebody, or left behind by one that took it from us.
        self._take()

    def _take(self) -> None:
        """Write the lock, if the folder is free."""
        # Two that find the same lock left behind take it one after another.
        with FileLock(f'{self.path}.guard'):
            self.check()
            write_json(self.path, {**_this_process(), 'token': self._token})

    def _read(self) -> dict | None:
        """Content of the lock; None if there is none."""
        try:
            owner = read_json(self.path)
        except FileNotFoundError:
            return None
        except ValueError:
            owner = None
        # Somebody's file all the same, told by its age.
        return owner if isinstance(owner, dict) else {}

    def _is_ours(self) -> bool:
        owner = self._read()
        return owner is not None and owner.get('token') == self._token

    def _age(self) -> float:
        """Seconds since the last sign of life, by this host's clock.

        Clocks differ between hosts: the time of a new file on the same
        storage is compared where there can be one.
        """
        now = time.time()
        probe = self.path.with_name(f'{self.path.name}.{self._token}')
        try:
            probe.touch()
            now = probe.stat().st_mtime
            probe.unlink()
        except OSError:  # read-only: then this host's clock must do
            pass
        try:
            return max(now - self.path.stat().st_mtime, 0.0)
        except FileNotFoundError:  # freed in this moment
            return float('inf')

    def _give_signs_of_life(self) -> None:
        while not self._stop.wait(self.heartbeat_s):
            try:
                if self._is_ours():
                    os.utime(self.path)
            except OSError as error:
                print_log(
                    f'no sign of life can be written to {self.path}: {error}',
                    logger='current',
                    level=logging.WARNING,
                )


def _this_process() -> dict[str, str | int]:
    return {
        'host': socket.gethostname(),
        'pid': os.getpid(),
        'since': time.strftime('%Y-%m-%d %H:%M:%S'),
        'start': _start_of(os.getpid()),
        'namespace': _namespace(),
    }


def _has_ended(owner: dict) -> bool | None:
    """Whether the process of a lock has ended; None if it cannot be seen."""
    here = socket.gethostname(), _namespace()
    there = owner.get('host'), owner.get('namespace')
    if there != here or not _namespace():
        return None
    pid = owner.get('pid')
    if not isinstance(pid, int) or pid < 1:
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    # Numbers of processes are given again.
    start = _start_of(pid)
    return None if start == '' else start != owner.get('start')


def _start_of(pid: int) -> str:
    """When a process was started, in ticks since the boot; '' if unknown."""
    try:
        # The second field, a name in brackets, may hold anything.
        stat = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2]
        state, start = stat.split()[0], stat.split()[19]
    except (OSError, IndexError):
        return ''
    return 'ended' if state in 'ZX' else start


def _namespace() -> str:
    """What numbers of processes are comparable in: boot and container."""
    try:
        boot = Path('/proc/sys/kernel/random/boot_id').read_text().strip()
        return f'{boot} {os.readlink("/proc/self/ns/pid")}'
    except OSError:
        return ''
