# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The one way in for checkpoints: files, addresses and every scheme.

:func:`read_checkpoint` is for this project's own code. :func:`close_door`
makes MMEngine's loader read in the same way, which everything else ends in:
``load_from``, ``init_cfg``, ``--resume``, ``get_model``, inferencers.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.fileio import get_file_backend
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import (
    _get_mmengine_home,
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
    get_torchvision_models,
)

from .downloads import download
from .safe_reading import read_torch_file
from .trust import is_trusted

# Schemes that are names of addresses, which MMEngine keeps lists of.
_TABLES = {
    'mmcls': get_mmcls_models,
    'modelzoo': get_torchvision_models,
    'open-mmlab': get_external_models,
    'openmmlab': get_external_models,
    'torchvision': get_torchvision_models,
}
# Where MMEngine keeps, or looks for, the text of a config.
_CONFIG_TEXTS = (
    ('meta', 'cfg'),
    ('meta', 'config'),
    ('message_hub', 'runtime_info', 'cfg'),
)


def read_checkpoint(
    path: str | Path, trust: bool = False, map_location: Any = 'cpu'
) -> Any:
    """Read a checkpoint without running code that it might contain.

    Args:
        path (str | Path): A file, an address (``https://…``), or what
            MMEngine knows by another scheme (``torchvision://``, ``s3://``).
        trust (bool): Read it even where it holds more than weights and
            plain data; this can run any code. Defaults to False.
        map_location (Any): As of ``torch.load``. Defaults to ``'cpu'``.

    Returns:
        Any: Its content.

    Raises:
        ConnectionError: If it cannot be fetched.
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint, or one that must be trusted.
    """
    name = str(path)
    trust = trust or is_trusted()
    if '://' not in name:
        file = Path(path).expanduser()
        if file.is_dir():
            raise FileNotFoundError(
                f'checkpoint "{path}" is a folder, expected a file'
            )
        if not file.is_file():
            raise FileNotFoundError(f'checkpoint "{path}" does not exist')
        return read_torch_file(file, name, map_location, trust)
    scheme, _, rest = name.partition('://')
    if scheme in _TABLES:
        content = read_checkpoint(
            _look_up(scheme, rest, name), trust, map_location
        )
        return _without_head(content) if scheme == 'mmcls' else content
    if scheme.lower() in ('http', 'https'):
        return read_torch_file(download(name), name, map_location, trust)
    try:
        backend = get_file_backend(name)
    except Exception as error:  # backends miss packages in all ways
        raise ValueError(
            f'{name}: expected a file, http:// or https://, '
            f'{", ".join(f"{table}://" for table in _TABLES)}, or a scheme '
            f"of MMEngine's file backends ({type(error).__name__}: {error})"
        ) from error
    if hasattr(backend, 'exists') and not backend.exists(name):
        raise FileNotFoundError(f'checkpoint "{name}" does not exist')
    content = io.BytesIO(backend.get(name))
    return read_torch_file(content, name, map_location, trust)


def _look_up(scheme: str, key: str, name: str) -> str:
    """Address of a model that MMEngine knows by name."""
    models = _TABLES[scheme]()
    if scheme.endswith('mmlab'):
        key = get_deprecated_model_names().get(key, key)
    if key not in models:
        raise ValueError(
            f'{name}: no such model; known are {len(models)}, such as '
            f'{", ".join(sorted(models)[:3])}'
        )
    found = models[key]
    # Entries that users add to MMEngine's list may be files beside it.
    return found if '://' in found else str(Path(_get_mmengine_home(), found))


def _without_head(content: Mapping) -> dict[str, Any]:
    """Weights of the backbone alone, as MMEngine gives them for mmcls."""
    weights = content.get('state_dict', content)
    start = 'backbone.'
    kept = {
        k[len(start) :]: v for k, v in weights.items() if k.startswith(start)
    }
    return {'state_dict': kept}


def load_from_scm_wsol(filename: str, map_location: Any = None) -> Any:
    """Read a checkpoint for MMEngine.

    MMEngine runs the text of a config that it finds in checkpoints, on
    resuming and in its inferencers; so that text is left out, but for
    trusted files.

    Args:
        filename (str): See :func:`read_checkpoint`.
        map_location (Any): As of ``torch.load``.

    Returns:
        Any: Its content.
    """
    content = read_checkpoint(filename, map_location=map_location)
    if is_trusted() or not isinstance(content, Mapping):
        return content
    content = dict(content)
    for path in _CONFIG_TEXTS:
        _leave_out(content, path)
    return content


def _leave_out(content: dict, path: tuple[str, ...]) -> None:
    *parents, last = path
    for parent in parents:
        inner = content.get(parent)
        if not isinstance(inner, Mapping):
            return
        content[parent] = content = dict(inner)
    content.pop(last, None)


def close_door() -> None:
    """Let MMEngine read every checkpoint of this process in this way.

    This concerns all that runs in the process, other projects included:
    their checkpoints are read as before unless they hold code.
    """
    schemes = [*CheckpointLoader._schemes, r'[^/]+://', '']
    CheckpointLoader.register_scheme(schemes, load_from_scm_wsol, force=True)
