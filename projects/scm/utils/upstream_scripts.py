# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Scripts that mmpretrain and mmdet install with themselves, and their flags.

``.mim/tools`` of either package has its command line tools. They load the
framework before they look at their arguments, which takes seconds; here the
arguments are read first, by the script's own ``parse_args``, so that
``--help``, wrong flags and missing files are answered at once. Nothing of the
framework is imported.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from .environment import package_folder
from .trust import TRUST_HELP


class ConfigOptions(argparse.Action):
    """MMEngine's ``DictAction``, which loads when there is an option."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Read ``key=value`` …, see MMEngine."""
        from mmengine.config import DictAction

        action = DictAction(self.option_strings, self.dest, nargs=self.nargs)
        action(parser, namespace, values, option_string)


def find_upstream_tool(name: str, package: str = 'mmpretrain') -> Path:
    """File of a command line tool of an installed package.

    Args:
        name: Its name, without ``.py``.
        package: ``'mmpretrain'`` or ``'mmdet'``.

    Raises:
        FileNotFoundError: If neither an installed package nor a source
            checkout has the tool where it should be.
    """
    folder = package_folder(package)
    if folder is None:
        raise FileNotFoundError(f'{package} is not installed')
    places = [
        folder / '.mim' / 'tools' / f'{name}.py',
        folder.parent / 'tools' / f'{name}.py',
    ]
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(
        f'{package} in {folder} comes without its tool {name}.py; looked '
        f'for {places[0]} and {places[1]}'
    )


def argparse_with_trust() -> SimpleNamespace:
    """The module argparse, whose parsers have the option ``--trust``."""

    class Parser(argparse.ArgumentParser):
        def parse_args(self, *args: Any, **kwargs: Any) -> argparse.Namespace:
            self.add_argument('--trust', action='store_true', help=TRUST_HELP)
            return super().parse_args(*args, **kwargs)

    return SimpleNamespace(**{**vars(argparse), 'ArgumentParser': Parser})


def check_arguments(
    name: str, package: str = 'mmpretrain', trust: bool = True
) -> argparse.Namespace | None:
    """Read the arguments of this process as a tool would, and check them.

    Args:
        name: Of the tool.
        package: That has it. If it is not installed, or its tool is built in
            another way, nothing is checked: what loads it says so.
        trust: Whether the tool has the option ``--trust``.

    Returns:
        argparse.Namespace | None: The arguments; None if nothing was checked.

    Raises:
        FileNotFoundError: See :func:`check_files`.
        SystemExit: After ``--help``, or if an argument is wrong.
    """
    try:
        file = find_upstream_tool(name, package)
    except FileNotFoundError:
        return None
    tree = ast.parse(file.read_text(encoding='utf-8'), str(file))
    tree.body = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    namespace = {
        'argparse': argparse_with_trust() if trust else argparse,
        'os': os,
        're': re,
        'DictAction': ConfigOptions,
    }
    try:
        exec(compile(tree, str(file), 'exec'), namespace)
        args = namespace['parse_args']()
    except (KeyError, NameError):  # it has none, or needs more of its module
        return None
    check_files(args)
    return args


def check_files(args: argparse.Namespace) -> None:
    """Refuse a config or checkpoint that does not exist.

    Args:
        args: Arguments of a tool.

    Raises:
        FileNotFoundError: See :func:`check_file`.
    """
    for name in ('config', 'checkpoint', 'resume'):
        value = getattr(args, name, None)
        if value not in (None, 'auto'):
            check_file(name, value)


def check_file(name: str, file: str | Path) -> None:
    """Refuse a file that does not exist.

    Args:
        name: Of the argument.
        file: Files with a scheme (``https://``) are left to MMEngine.

    Raises:
        FileNotFoundError: Names the argument, the file and the folder that
            relative names are looked for in.
    """
    if '://' not in str(file) and not Path(file).expanduser().is_file():
        raise FileNotFoundError(
            f'{name} "{file}" does not exist (in {os.getcwd()})'
        )
