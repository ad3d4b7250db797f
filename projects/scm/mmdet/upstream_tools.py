# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Run the ``train.py`` and ``test.py`` that mmdet installs with itself."""

import runpy

from projects.scm.utils.upstream_scripts import find_upstream_tool


def run_mmdet_tool(name: str) -> None:
    """Run a tool of mmdet on the arguments of this process.

    Args:
        name: 'train' or 'test'.

    Raises:
        FileNotFoundError: If mmdet has no such tool.
    """
    file = find_upstream_tool(name, 'mmdet')
    runpy.run_path(str(file), run_name='__main__')
