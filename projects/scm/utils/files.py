# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Writes files so that nobody ever finds half of one, and reads JSON."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

#: End of the names of files that are being written.
PART = '.part'


_POINTER = b'version https://git-lfs.github.com'
_PAGES = (b'<!doctype', b'<html', b'<head', b'<body', b'<?xml')


def other_kind(start: bytes) -> str | None:
    """What is often found in place of a file, in words.

    Args:
        start (bytes): Its beginning.

    Returns:
        str | None: None where it is neither a pointer nor a page.
    """
    stripped = start.lstrip(b'\xef\xbb\xbf \t\r\n').lower()
    if stripped.startswith(_POINTER):
        return (
            'a Git LFS pointer: fetch the file that it stands for with '
            '`git lfs pull`'
        )
    if stripped.startswith(_PAGES):
        return 'a web page: fetch the file itself, not the page about it'
    return None


def describe_beginning(start: bytes) -> str:
    """What a file is that cannot be read, from its beginning."""
    if not start:
        return 'the file is empty'
    kind = other_kind(start[:512])
    return f'it is {kind}' if kind else f'it begins with {start[:16]!r}'


def write_file(path: str | os.PathLike, data: bytes) -> None:
    """Write a file at once: it appears whole, or not at all.

    It is written beside its place, synced to the disk, and renamed. A process
    that is killed while it writes leaves a hidden file that ends in
    ``.part``, see :func:`remove_parts`.

    Args:
        path (str | os.PathLike): Missing folders are made.
        data (bytes): Its content.

    Raises:
        OSError: If it cannot be written, with the name of the file; what was
            there before is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(
        prefix=f'.{path.name[:200]}.', suffix=PART, dir=path.parent
    )
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if getattr(error, 'errno', None) and error.filename is None:
            error.filename = str(path)  # "No space left on device" of what?
        raise
    _sync_folder(path.parent)


def remove_parts(folder: str | os.PathLike) -> None:
    """Remove what killed processes have left of :func:`write_file`.

    Args:
        folder (str | os.PathLike): Where nobody else writes. It may be
            missing.
    """
    for part in Path(folder).glob(f'.*{PART}'):
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Let a new name in a folder outlive a loss of power."""
    if os.name != 'posix':  # folders cannot be opened elsewhere
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some network storages know of no such thing
        return
    finally:
        os.close(handle)


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write readable JSON, as :func:`write_file` does.

    Args:
        path (str | os.PathLike): Missing folders are made.
        content (Any): What JSON can hold.
    """
    write_file(path, (json.dumps(content, indent=2) + '\n').encode())


def read_json(path: str | os.PathLike) -> Any:
    """Read JSON.

    Args:
        path (str | os.PathLike): UTF-8 text.

    Returns:
        Any: Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no JSON, or nested too deeply to be read; the
            message names the file.
    """
    try:
        return json.loads(Path(path).read_text(encoding='utf-8-sig'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path}: no JSON ({error!s:.200})') from error


def read_json_lines(path: str | os.PathLike) -> list[dict[str, Any]]:
    """Read a log of MMEngine, as far as it has been written.

    Args:
        path (str | os.PathLike): UTF-8 text, an object a line.

    Returns:
        list[dict]: The objects; a line that is half written ends them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no text; the message names the file.
    """
    entries = []
    try:
        lines = Path(path).read_text(encoding='utf-8').splitlines()
    except ValueError as error:
        raise ValueError(f'{path}: no text in UTF-8 ({error})') from error
    for line in lines:
        try:
            entries.append(json.loads(line))
        except (ValueError, RecursionError):
            break
    return [entry for entry in entries if isinstance(entry, dict)]
