# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""``scm-wsol doctor``: what is here, what is missing, and the cure."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from projects.scm.utils.environment import (
    ONEDL_LINE,
    OPENCV_DISTRIBUTIONS,
    TRANSFORMERS_TOO_NEW,
    UPSTREAM_LINE,
    BrokenEnvironmentError,
    installed_distributions,
    prepare_environment,
)
from projects.scm.version import __version__

OK, MISSING, BROKEN = 'ok', 'missing', 'BROKEN'

#: Packages that something optional needs: module, distribution, purpose.
OPTIONAL_MODULES = (
    ('simplejpeg', 'simplejpeg', 'faster decoding of JPEGs'),
    ('timm', 'timm', 'backbones of timm (TSCAMTimm)'),
    ('transformers', 'transformers', 'tests of weights of that library'),
    ('safetensors', 'safetensors', 'weights in *.safetensors'),
    ('mmdet', 'onedl-mmdetection', 'detectors trained on the boxes'),
    ('pytorch_grad_cam', 'grad-cam', 'CAM methods of grad-cam'),
    ('onnx', 'onnx', 'scm-wsol export'),
    ('onnxscript', 'onnxscript', 'scm-wsol export'),
    ('onnxruntime', 'onnxruntime', 'checking an export, demo/onnx_boxes.py'),
    ('gradio', 'gradio', 'demo/gradio_app.py'),
    ('tensorboard', 'tensorboard', 'curves in TensorBoard'),
)
#: Distributions whose versions are told first.
CORE = (
    *('torch', 'torchvision', 'numpy', 'numba', 'pillow'),
    *OPENCV_DISTRIBUTIONS,
    *ONEDL_LINE,
    *UPSTREAM_LINE,
)
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')


class Finding(NamedTuple):
    """One line of the answer.

    Attributes:
        state: :data:`OK`, :data:`MISSING` (something optional) or
            :data:`BROKEN` (nothing works without it).
        what: What was looked at.
        found: What there is.
        cure: What to do, empty if nothing.
    """

    state: str
    what: str
    found: str
    cure: str = ''


def look_at_environment() -> Finding:
    """Whether the package's own checks and repairs go through."""
    try:
        prepare_environment()
    except BrokenEnvironmentError as error:
        return Finding(BROKEN, 'import of the framework', str(error), '')
    return Finding(OK, 'import of the framework', 'mmpretrain loads')


def look_at_accelerator() -> Finding:
    """What training would run on."""
    try:
        import torch
    except ImportError as error:
        return Finding(BROKEN, 'torch', str(error), 'bash tools/setup_env.sh')
    if torch.cuda.is_available():
        return Finding(OK, 'accelerator', torch.cuda.get_device_name(0))
    kind = 'with' if torch.backends.cuda.is_built() else 'without'
    return Finding(
        MISSING,
        'accelerator',
        f'none (torch {kind} CUDA), {os.cpu_count()} CPU cores',
        'training works on a CPU: small sets in minutes, CUB in days',
    )


def look_at_operators() -> Finding:
    """Whether mmcv has its compiled operators."""
    what = 'compiled operators of mmcv'
    if importlib.util.find_spec('mmcv') is None:
        return Finding(BROKEN, what, 'no mmcv', 'bash tools/setup_env.sh')
    if importlib.util.find_spec('mmcv._ext') is not None:
        return Finding(OK, what, 'there')
    return Finding(
        MISSING,
        what,
        'none; needed for detectors alone',
        'bash tools/install_mmcv_ops.sh',
    )


def look_at_modules() -> Iterator[Finding]:
    """Optional packages."""
    for module, distribution, purpose in OPTIONAL_MODULES:
        if importlib.util.find_spec(module) is None:
            yield Finding(
                MISSING,
                distribution,
                f'not installed; for {purpose}',
                f'pip install {distribution}',
            )
            continue
        try:
            version = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            version = 'of another distribution'
        if module == 'transformers':
            version += _multimodal_note(version)
        yield Finding(OK, distribution, version)


def _multimodal_note(version: str) -> str:
    """What a release of transformers is too new for."""
    major = version.partition('.')[0]
    if not major.isdecimal() or int(major) < TRANSFORMERS_TOO_NEW:
        return ''
    return (
        "; mmpretrain's multimodal models need one before "
        f'{TRANSFORMERS_TOO_NEW}, and are left out; nothing else is'
    )


def look_at_browser() -> Finding:
    """The browser that tests look at pages with."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return Finding(OK, 'browser', path)
    return Finding(
        MISSING,
        'browser',
        f'none of {", ".join(BROWSERS)}; for tests of the report page',
        'install Chromium (on Debian and Ubuntu: apt install chromium)',
    )


def look_at_weights() -> Finding:
    """Pretrained weights that were downloaded before."""
    home = os.environ.get('TORCH_HOME') or Path(
        os.environ.get('XDG_CACHE_HOME', Path.home() / '.cache'), 'torch'
    )
    folder = Path(home, 'hub', 'checkpoints')
    files = sorted(p.name for p in folder.glob('*.pth'))
    if files:
        return Finding(OK, 'pretrained weights', f'{", ".join(files)}')
    return Finding(
        MISSING,
        'pretrained weights',
        f'none in {folder}',
        'they are downloaded when training starts; without a network give '
        'scm-wsol train --weights FILE, or name the file in a config: '
        'model.backbone.init_cfg.checkpoint',
    )


def look_at_cache() -> Finding:
    """Whether compiled loops can be kept."""
    what = 'cache of compiled loops'
    package = Path(__file__).resolve().parents[1]
    named = os.environ.get('NUMBA_CACHE_DIR')
    places = [Path(named)] if named else [package, Path.home() / '.cache']
    for place in places:
        try:
            with tempfile.TemporaryFile(dir=place):
                return Finding(OK, what, str(place))
        except OSError:
            continue
    return Finding(
        MISSING,
        what,
        f'not writable: {", ".join(map(str, places))}; every run compiles',
        'set NUMBA_CACHE_DIR to a folder that can be written',
    )


LOOKS: tuple[Callable[[], Finding], ...] = (
    look_at_environment,
    look_at_accelerator,
    look_at_operators,
    look_at_browser,
    look_at_weights,
    look_at_cache,
)


def examine() -> list[Finding]:
    """Look at everything."""
    return [*(look() for look in LOOKS), *look_at_modules()]


def describe(findings: Sequence[Finding]) -> str:
    """The findings as text, the worst first."""
    versions = installed_distributions(CORE)
    lines = [
        f'scm-wsol {__version__}, Python {platform.python_version()}, '
        f'{platform.system()} {platform.machine()}',
        ', '.join(f'{name} {version}' for name, version in versions.items()),
        '',
    ]
    order = (BROKEN, MISSING, OK)
    for finding in sorted(findings, key=lambda f: order.index(f.state)):
        lines.append(f'{finding.state:>7}  {finding.what}: {finding.found}')
        if finding.cure:
            lines.append(f'{"":>7}  -> {finding.cure}')
    return '\n'.join(lines) + '\n'


def main(argv: Sequence[str]) -> None:
    """Print what is here; exit with 1 if nothing would work.

    Args:
        argv (Sequence[str]): No arguments but ``--help``.
    """
    argparse.ArgumentParser(
        prog='scm-wsol doctor',
        description='What this environment has, what is missing for what, '
        'and how to mend it.',
    ).parse_args(list(argv))
    findings = examine()
    sys.stdout.write(describe(findings))
    if any(finding.state == BROKEN for finding in findings):
        sys.exit(1)
