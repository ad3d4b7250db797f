# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What all scripts in this folder begin with.

:func:`make_importable`: in a checkout the folder above this one goes on the
path, so that the tools work without an installation. Where the tools lie
inside the installed package there is nothing to do. :func:`run`: errors are
one line, and threads that wait sleep.
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

_PARENT = Path(__file__).resolve().parents[1]


def make_importable() -> None:
    """Put the checkout on the path, and check that nothing hides it.

    Raises:
        RuntimeError: If a foreign package ``projects`` would be imported.
    """
    package = _PARENT / 'projects' / 'scm'
    if package.is_dir():
        sys.path.insert(0, str(_PARENT))
    else:
        package = _PARENT.parent  # <package>/.mim/tools
    # By its file: its name cannot be imported if something hides the package.
    spec = importlib.util.spec_from_file_location(
        'scm_environment', package / 'utils' / 'environment.py'
    )
    environment = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(environment)
    foreign = environment.find_foreign_projects()
    if foreign is not None:
        raise environment.BrokenEnvironmentError(
            environment.foreign_projects_message(foreign)
        )


def let_threads_sleep() -> None:
    """Let threads that wait for others sleep, unless the user says otherwise.

    By default they spin, and where other programs want the cores a step of a
    small model takes many times as long (docs/performance.md, Threads), with
    any number of threads but one. It has to be set before torch is imported.
    """
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')


def run(main: Callable[[], object]) -> None:
    """Run a tool: what a user can mend is told in one line.

    ``--traceback`` anywhere on the command line shows where an error came
    from. Errors of other kinds are faults of ours and always do.

    Args:
        main (Callable): The tool; reads ``sys.argv``.
    """
    let_threads_sleep()
    traceback = '--traceback' in sys.argv[1:]
    sys.argv[1:] = [word for word in sys.argv[1:] if word != '--traceback']
    try:
        main()
    except KeyboardInterrupt:
        if traceback:
            raise
        sys.exit('stopped')
    except (
        *(ImportError, KeyError, OSError),
        *(RuntimeError, TypeError, ValueError),
    ) as error:
        if traceback:
            raise
        # The text of a KeyError is in quotes.
        text = error.args[0] if isinstance(error, KeyError) else error
        sys.exit(f'ERROR: {text} (--traceback shows where)')
