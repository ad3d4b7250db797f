# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Run the ``train.py`` and ``test.py`` that mmdet installs with itself."""

import runpy
from pathlib import Path

import mmdet


def run_mmdet_tool(name: str) -> None:
    """Run a tool of mmdet on the arguments of this process.

    Args:
        name: 'train' or 'test'.

    Raises:
        FileNotFoundError: If mmdet has no such tool.
    """
    runpy.run_path(str(find_mmdet_tool(name)), run_name='__main__')


def find_mmdet_tool(name: str) -> Path:
    """File of a tool of the installed mmdet, or of its source checkout.

    Args:
        name: Its name, without ``.py``.

    Raises:
        FileNotFoundError: If it is in neither place.
    """
    package = Path(mmdet.__file__).parent
    places = [
        package / '.mim' / 'tools' / f'{name}.py',
        package.parent / 'tools' / f'{name}.py',
    ]
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(
        f'mmdet in {package} comes without its tool {name}.py; looked for '
        f'{places[0]} and {places[1]}'
    )
