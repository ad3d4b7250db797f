# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Plot learning curves: mmpretrain's analyze_logs.py, see its arguments."""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run


def main() -> None:
    """Run the tool."""
    make_importable()
    from projects.scm.utils.upstream_scripts import (
        check_arguments,
        find_upstream_tool,
    )

    name = 'analysis_tools/analyze_logs'
    check_arguments(name, trust=False)
    tool = find_upstream_tool(name)
    runpy.run_path(str(tool), run_name='__main__')


if __name__ == '__main__':
    run(main)
