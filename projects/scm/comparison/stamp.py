# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""By what a run was made: the commit, the versions, the machine."""

import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from projects.scm.utils.environment import (
    OPENCV_DISTRIBUTIONS,
    installed_distributions,
)

DISTRIBUTIONS = (
    'torch',
    'numpy',
    *OPENCV_DISTRIBUTIONS,
    'pillow',
    'onedl-mmengine',
    'onedl-mmcv',
    'onedl-mmpretrain',
)


def make_stamp(folder: str | Path) -> dict[str, Any]:
    """Describe what is about to run.

    Args:
        folder (str | Path): In the checkout.

    Returns:
        dict: ``commit`` (None outside of a checkout), ``changed`` (whether
        tracked files differ from it), ``versions``, ``processor`` and
        ``threads``.
    """
    commit = _git(folder, 'rev-parse', 'HEAD')
    status = _git(folder, 'status', '--porcelain', '--untracked-files=no')
    return {
        'commit': commit,
        'changed': bool(status) if commit else None,
        'versions': {
            'python': platform.python_version(),
            **installed_distributions(DISTRIBUTIONS),
        },
        'processor': _processor(),
        'threads': torch.get_num_threads(),
    }


def _git(folder: str | Path, *args: str) -> str | None:
    try:
        done = subprocess.run(
            ['git', '-C', str(folder), *args],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _processor() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        for line in Path('/proc/cpuinfo').read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
