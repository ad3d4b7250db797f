# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Plot learning curves: mmpretrain's analyze_logs.py, see its arguments.

Logs of one work folder are one run that was resumed, and become one curve.
"""

import argparse
import json
import runpy
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run

MARKED = 20
"""Curves of fewer points have marks."""


def read_entries(file: str | Path) -> list[dict]:
    """Lines of a JSON log; one that is half written ends it."""
    entries = []
    for line in Path(file).read_text(encoding='utf-8').splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            break
    return entries


def lines_of_epochs(file: str) -> Counter:
    """Lines of training in a JSON log, by epoch."""
    entries = read_entries(file)
    return Counter(e['epoch'] for e in entries if 'lr' in e and 'epoch' in e)


def work_dir(file: str) -> Path:
    """``work_dirs/scm`` of ``work_dirs/scm/TIME/vis_data/TIME.json``."""
    path = Path(file).resolve()
    return path.parents[2] if path.parent.name == 'vis_data' else path


def join_logs(files: list[str], out: Path) -> list[str]:
    """Join the logs of runs that were resumed.

    Args:
        files: JSON logs. Those of one work folder are one run; of a step that
            was trained twice the later log's line counts.
        out: Folder for joined logs.

    Returns:
        list[str]: The logs; those joined are called as their work folder.
    """
    runs: dict[Path, list[str]] = {}
    for file in files:
        runs.setdefault(work_dir(file), []).append(file)
    logs = []
    for number, (folder, parts) in enumerate(runs.items()):
        if len(parts) == 1:
            logs += parts
            continue
        lines: dict[tuple[bool, int], dict] = {}
        for part in sorted(parts):
            for entry in read_entries(part):
                # Steps of trainings are iterations, of validations epochs.
                lines['lr' in entry, entry.get('step', 0)] = entry
        joined = out / str(number) / f'{folder.name}.json'
        joined.parent.mkdir()
        rows = [json.dumps(lines[key]) for key in sorted(lines)]
        joined.write_text('\n'.join(rows), encoding='utf-8')
        logs.append(str(joined))
    return logs


def shortest_curve(logs: list[str], keys: list[str]) -> int:
    """Points of the curve that has fewest."""
    counts = []
    for log in logs:
        seen = Counter(key for entry in read_entries(log) for key in entry)
        counts += [seen[key] for key in keys if key in seen]
    return min(counts, default=0)


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
    tool = str(find_upstream_tool(name))
    if args is None or args.task is None:
        runpy.run_path(tool, run_name='__main__')
        return
    with tempfile.TemporaryDirectory() as folder:
        logs = join_logs(args.json_logs, Path(folder))
        if len(logs) < len(args.json_logs):
            print(f'{len(args.json_logs)} logs are those of {len(logs)} runs')
            replace_logs(args, logs)
        if args.task == 'plot_curve':
            import matplotlib as mpl

            # A line through one point is none: one validation needs a mark.
            few = shortest_curve(logs, args.keys) < MARKED
            mpl.rcParams['lines.marker'] = 'o' if few else ''
            mpl.rcParams['lines.markersize'] = 4
        runpy.run_path(tool, run_name='__main__')


def replace_logs(args: argparse.Namespace, logs: list[str]) -> None:
    """Put other logs in the place of those on the command line."""
    kept = list(sys.argv)
    for log in args.json_logs:
        kept.remove(log)
    # Right behind the task, where no option takes them for its own.
    place = kept.index(args.task) + 1
    sys.argv[:] = [*kept[:place], *logs, *kept[place:]]


if __name__ == '__main__':
    run(main)
