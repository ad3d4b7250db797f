# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Fetches files by HTTP: with time-outs, a limit of size, and a bar."""

import hashlib
import os
import tempfile
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

import torch
from mmengine.dist import barrier, get_rank
from rich.console import Console
from rich.progress import wrap_file

TIMEOUT_S = 30
"""Longest wait for a connection, and for the next bytes, in seconds."""
MAX_BYTES = 32 * 2**30
"""Largest file that is fetched."""
_CHUNK = 1 << 20


def cache_path(url: str) -> Path:
    """Where a file is kept: its name, preceded by a digest of its address.

    Args:
        url (str): An address.

    Returns:
        Path: In ``checkpoints`` of ``torch.hub.get_dir()``, which
        ``TORCH_HOME`` moves.
    """
    name = PurePosixPath(unquote(urlsplit(url).path)).name or 'checkpoint'
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return Path(torch.hub.get_dir(), 'checkpoints', f'{digest}-{name[-100:]}')


def download(url: str) -> Path:
    """Fetch a file once, and keep it.

    In a distributed run the first process fetches, the others wait; those
    on other machines then fetch their own.

    Args:
        url (str): ``http://`` or ``https://``.

    Returns:
        Path: The file, whole; see :func:`cache_path`.

    Raises:
        ConnectionError: If the server does not answer, breaks off or sends
            less than it said.
        ValueError: If it is no such address, or the file is too large.
    """
    if urlsplit(url).scheme.lower() not in ('http', 'https'):
        raise ValueError(f'{url}: expected an address of http:// or https://')
    file = cache_path(url)
    try:
        if get_rank() == 0 and not file.is_file():
            _fetch(url, file)
    finally:
        barrier()
    if not file.is_file():
        _fetch(url, file)
    return file


def _fetch(url: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp('.partial', file.name, file.parent)
    try:
        with os.fdopen(handle, 'wb') as target:
            _copy(url, target)
        os.replace(partial, file)
    except (OSError, HTTPException) as error:
        raise ConnectionError(
            f'{url}: not fetched ({type(error).__name__}: {error}); waited '
            f'{TIMEOUT_S:g} s at most for each answer. Fetched in another '
            f'way, it belongs to {file}; or name a file in place of the '
            'address'
        ) from error
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def _copy(url: str, target: BinaryIO) -> None:
    request = Request(url, headers={'User-Agent': 'scm-wsol'})
    with urlopen(request, timeout=TIMEOUT_S) as answer:
        said = answer.headers.get('Content-Length')
        size = int(said) if said and said.isdecimal() else None
        if size is not None and size > MAX_BYTES:
            raise ValueError(
                f'{url}: has {size} bytes, expected at most {MAX_BYTES}'
            )
        got = 0
        with wrap_file(
            answer,
            size or 0,
            description=cache_path(url).name[17:],
            console=Console(stderr=True),
        ) as source:
            while chunk := source.read(_CHUNK):
                got += len(chunk)
                if got > MAX_BYTES:
                    raise ValueError(
                        f'{url}: has more than {MAX_BYTES} bytes, which is '
                        'the limit'
                    )
                target.write(chunk)
        if size is not None and got != size:
            raise ConnectionError(f'broke off after {got} of {size} bytes')
