# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Plot learning curves: mmpretrain's analyze_logs.py, see its arguments."""

import json
import runpy
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run


def lines_of_epochs(file: str) -> Counter:
    """Lines of training in a JSON log, by epoch."""
    lines = Path(file).read_text(encoding='utf-8').splitlines()
    entries = [json.loads(line) for line in lines if line.strip()]
    return Counter(e['epoch'] for e in entries if 'lr' in e and 'epoch' in e)


def main() -> None:
    """Run the tool."""
    make_importable()
    from projects.scm.utils.upstream_scripts import (
        check_arguments,
        find_upstream_tool,
    )

    name = 'analysis_tools/analyze_logs'
    args = check_arguments(name, trust=False)
    if args is not None and args.task == 'cal_train_time':
        epochs = [lines_of_epochs(file) for file in args.json_logs]
        # Without the first line nothing would be left to take the mean of.
        if any(1 in lines.values() for lines in epochs):
            sys.argv.append('--include-outliers')
            print('one line an epoch: the slow first iterations count, too')
    tool = find_upstream_tool(name)
    runpy.run_path(str(tool), run_name='__main__')


if __name__ == '__main__':
    run(main)
