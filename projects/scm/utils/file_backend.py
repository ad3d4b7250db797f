# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Lets MMEngine write files so that nobody ever finds half of one."""

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from .files import write_file


class WholeFileBackend(LocalBackend):
    """MMEngine's local backend, whose files appear whole or not at all."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes, see :func:`~projects.scm.utils.write_file`."""
        write_file(filepath, obj)

    def put_text(
        self, obj: str, filepath: str | Path, encoding: str = 'utf-8'
    ) -> None:
        """Write text, likewise."""
        write_file(filepath, obj.encode(encoding))


def use_whole_files() -> None:
    """Make it the backend of all files on the disks of this computer.

    Checkpoints, best and published ones included, sharded training, and
    whatever else goes through ``mmengine.fileio`` is then written so.
    """
    register_backend('local', WholeFileBackend, force=True, prefixes='')
