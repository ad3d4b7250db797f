# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Make ``projects.scm`` importable for the scripts in this folder.

In a checkout the folder above this one goes on the path, so that the tools
work without an installation. Where the tools lie inside the installed
package there is nothing to do.
"""

import importlib.util
import sys
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
