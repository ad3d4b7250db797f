# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Writes files so that nobody ever finds half of one."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

__all__ = ['write_file', 'write_json']


def write_file(path: str | os.PathLike, data: bytes) -> None:
    """Write a file at once: it appears whole, or not at all.

    Args:
        path (str | os.PathLike): Missing folders are made.
        data (bytes): Its content.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(
        prefix=f'.{path.name}.', dir=path.parent
    )
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write readable JSON, as :func:`write_file` does.

    Args:
        path (str | os.PathLike): Missing folders are made.
        content (Any): What JSON can hold.
    """
    write_file(path, (json.dumps(content, indent=2) + '\n').encode())
