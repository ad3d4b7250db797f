# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What mmdet's detectors need: mmdet, and mmcv with compiled operators."""

import importlib
from collections.abc import Callable
from types import ModuleType

from projects.scm.utils import BrokenEnvironmentError


def require_mmcv_ops(
    import_module: Callable[[str], ModuleType] = importlib.import_module,
) -> None:
    """Check that mmdet's detectors can be imported.

    Args:
        import_module: How a module is imported.

    Raises:
        BrokenEnvironmentError: If mmdet is missing, or mmcv was installed
            without its compiled operators, or they do not load; the message
            says what to do.
    """
    try:
        import_module('mmdet')
    except ModuleNotFoundError as error:
        if error.name != 'mmdet':
            raise
        raise BrokenEnvironmentError(
            'projects.scm.mmdet needs mmdet, which is not installed: '
            'pip install onedl-mmdetection, or, to keep the OpenCV that is '
            'installed, see requirements/mmdet.txt'
        ) from error
    try:
        import_module('mmcv._ext')
    except ImportError as error:
        raise BrokenEnvironmentError(
            "mmdet's detectors need the compiled operators of mmcv, and the "
            f'mmcv that is installed comes without ({error}). A plain '
            '`pip install onedl-mmcv` leaves them out. Run `bash '
            'tools/install_mmcv_ops.sh` in this environment: it builds them '
            'in a few minutes.'
        ) from error
