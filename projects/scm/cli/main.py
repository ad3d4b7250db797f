# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The console script ``scm-wsol``: the tools by short names."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PROGRAM = 'scm-wsol'


class Command(NamedTuple):
    """A sub-command.

    Attributes:
        place: File below ``tools/`` that does it, or the name of a module
            beside this one.
        help: One line.
    """

    place: str
    help: str


COMMANDS = {
    'train': Command(
        'train.py', 'train a model, of a config or of a folder of photographs'
    ),
    'localize': Command(
        'localize.py', 'boxes and heat maps of photographs and videos'
    ),
    'test': Command(
        'test.py', 'figures of a model on the test set of its config'
    ),
    'report': Command(
        'analysis_tools/report.py', 'one page of test runs, with all pictures'
    ),
    'compare': Command(
        'compare.py', 'methods, seeds and data sets against each other'
    ),
    'export': Command('export_onnx.py', 'a model for other runtimes, checked'),
    'doctor': Command(
        'doctor', 'what this environment has, lacks, and how to mend it'
    ),
}


def find_tools() -> Path:
    """Folder of the tools: that of the checkout, or the installed copy.

    Raises:
        FileNotFoundError: If there is neither.
    """
    package = Path(__file__).resolve().parents[1]
    places = [package.parents[1] / 'tools', package / '.mim' / 'tools']
    for place in places:
        if (place / '_repo_path.py').is_file():
            return place
    raise FileNotFoundError(
        f'the tools of this package are missing: neither {places[0]} nor '
        f'{places[1]} has them; install it again'
    )


def usage() -> str:
    """What ``scm-wsol --help`` prints."""
    width = max(map(len, COMMANDS))
    lines = [
        f'  {name:<{width}}  {command.help}'
        for name, command in COMMANDS.items()
    ]
    return (
        f'Usage: {PROGRAM} COMMAND [arguments]\n\n'
        'Object boxes from image labels.\n\n'
        + '\n'.join(lines)
        + f'\n\n{PROGRAM} COMMAND --help tells the arguments of a command. '
        'Errors are one\nline; --traceback shows where they came from.\n'
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run a sub-command.

    Args:
        argv (Sequence[str], optional): Arguments. Defaults to None, those of
            the process.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ('-h', '--help'):
        sys.stdout.write(usage())
        sys.exit(0 if words else 2)
    name, rest = words[0], words[1:]
    if name == '--version':
        from projects.scm.version import __version__

        sys.stdout.write(f'{PROGRAM} {__version__}\n')
        return
    if name not in COMMANDS:
        sys.exit(
            f'ERROR: {name}: no such command; expected one of '
            f'{", ".join(COMMANDS)}'
        )
    run_command(name, rest)


def run_command(name: str, arguments: Sequence[str]) -> None:
    """Run a sub-command in this process, as if from the shell.

    Args:
        name (str): One of :data:`COMMANDS`.
        arguments (Sequence[str]): Its arguments.
    """
    place = COMMANDS[name].place
    if name == 'train' and any(Path(word).is_dir() for word in arguments[:1]):
        place = 'train_folder'
    sys.argv = [f'{PROGRAM} {name}', *arguments]
    file = find_tools() / place
    sys.path.insert(0, str(file.parent))
    if not file.suffix:
        module = importlib.import_module(f'{__package__}.{place}')
        run = importlib.import_module('_repo_path').run
        run(lambda: module.main(sys.argv[1:]))
        return
    spec = importlib.util.spec_from_file_location(file.stem, file)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.run(tool.main)


if __name__ == '__main__':
    main()
