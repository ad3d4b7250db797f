# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Weakly supervised object localization on MMPretrain: SCM and TS-CAM.

This import is light: the protocols (:mod:`projects.scm.evaluation.functional`)
and structures need no framework. What a config names is registered by
``custom_imports = dict(imports=['projects.scm.register'])``, or in Python by
importing :mod:`projects.scm.register`, or one of the packages alone.
"""

import sys

from .utils.environment import check_package_name, check_projects_package
from .version import __version__

check_package_name(__name__, __file__)
check_projects_package(sys.modules.get('projects'))


def _is_named_by_a_config() -> bool:
    """Whether MMEngine imports this package for a config.

    Up to version 0.1 ``custom_imports`` named ``projects.scm`` itself.
    """
    frame = sys._getframe()
    while frame is not None:
        if (
            frame.f_code.co_name == 'import_modules_from_strings'
            and frame.f_globals.get('__name__') == 'mmengine.utils.misc'
        ):
            return True
        frame = frame.f_back
    return False


if _is_named_by_a_config():
    from . import register  # noqa: F401

__all__ = ['__version__']
