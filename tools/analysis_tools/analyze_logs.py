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
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run

MARKED = 20
"""Curves of fewer points have marks."""


def lines_of_epochs(entries: list[dict]) -> Counter:
    """Lines of training in a JSON log, by epoch."""
    return Counter(e['epoch'] for e in entries if 'lr' in e and 'epoch' in e)


def work_dir(file: str) -> Path:
    """``work_dirs/scm`` of ``work_dirs/scm/TIME/vis_data/TIME.json``."""
    path = Path(file).resolve()
    return path.parents[2] if path.parent.name == 'vis_data' else path


def join_logs(logs: dict[str, list[dict]], out: Path) -> dict[str, list[dict]]:
    """Join the logs of runs that were resumed.

    Args:
        logs: Entries by JSON log. Logs of one work folder are one run; of a
            step that was trained twice the later log's line counts.
        out: Folder for joined logs.

    Returns:
        dict[str, list[dict]]: Entries by log; joined logs are called as their
        work folder.
    """
    runs: dict[Path, list[str]] = {}
    for file in logs:
        runs.setdefault(work_dir(file), []).append(file)
    joined = {}
    for number, (folder, parts) in enumerate(runs.items()):
        if len(parts) == 1 and is_whole(parts[0], logs[parts[0]]):
            joined[parts[0]] = logs[parts[0]]
            continue
        lines: dict[tuple[bool, int], dict] = {}
        for part in sorted(parts):
            for entry in logs[part]:
                # Steps of trainings are iterations, of validations epochs.
                lines['lr' in entry, entry.get('step', 0)] = entry
        log = out / str(number) / f'{folder.name}.json'
        log.parent.mkdir()
        joined[str(log)] = [lines[key] for key in sorted(lines)]
        text = '\n'.join(map(json.dumps, joined[str(log)]))
        log.write_text(text, encoding='utf-8')
    return joined


def is_whole(file: str, entries: list[dict]) -> bool:
    """Whether no line of a log is half written."""
    return len(entries) == len(Path(file).read_text('utf-8').splitlines())


def check_logs(logs: dict[str, list[dict]], args: argparse.Namespace) -> None:
    """Refuse logs without what is asked for.

    Raises:
        ValueError: Names the file, and what it has.
    """
    for file, entries in logs.items():
        if args.task == 'cal_train_time' and not lines_of_epochs(entries):
            raise ValueError(
                f'{file}: expected a log of a training by epoch, JSON objects '
                f'with "epoch", "lr" and "time", found {len(entries)} '
                'lines of JSON and none of them'
            )
        for key in args.keys if args.task == 'plot_curve' else ():
            values = [entry[key] for entry in entries if key in entry]
            if not values:
                known = sorted({name for entry in entries for name in entry})
                raise ValueError(
                    f'{file}: expected {key!r} in a log of MMEngine, found '
                    f'{len(entries)} lines of JSON with {known!s:.200}'
                )
            odd = [v for v in values if not isinstance(v, (int, float))]
            if odd:
                raise ValueError(
                    f'{file}: {key}: expected numbers, got {odd[0]!r:.100}'
                )


def shortest_curve(logs: Iterable[list[dict]], keys: list[str]) -> int:
    """Points of the curve that has fewest."""
    counts = []
    for entries in logs:
        seen = Counter(key for entry in entries for key in entry)
        counts += [seen[key] for key in keys if key in seen]
    return min(counts, default=0)


def main() -> None:
    """Run the tool."""
    make_importable()
    from projects.scm.utils import read_json_lines
    from projects.scm.utils.counting import counted
    from projects.scm.utils.upstream_scripts import (
        check_arguments,
        find_upstream_tool,
    )

    name = 'analysis_tools/analyze_logs'
    args = check_arguments(name, trust=False)
    tool = str(find_upstream_tool(name))
    if args is None or args.task is None:
        runpy.run_path(tool, run_name='__main__')
        return
    logs = {file: read_json_lines(file) for file in args.json_logs}
    # Without the first line nothing would be left to take the mean of.
    if args.task == 'cal_train_time' and any(
        1 in lines_of_epochs(log).values() for log in logs.values()
    ):
        sys.argv.append('--include-outliers')
        print('one line an epoch: the slow first iterations count, too')
    with tempfile.TemporaryDirectory() as folder:
        parts = Counter(map(work_dir, logs))
        check_logs(
            {
                file: entries
                for file, entries in logs.items()
                if parts[work_dir(file)] == 1 or not entries
            },
            args,
        )
        joined = join_logs(logs, Path(folder))
        if len(joined) < len(args.json_logs):
            runs = counted(len(joined), 'run')
            print(f'{len(args.json_logs)} logs are those of {runs}')
        if list(joined) != args.json_logs:
            replace_logs(args, joined)
        if args.task == 'plot_curve':
            import matplotlib as mpl

            # A line through one point is none: one validation needs a mark.
            few = shortest_curve(joined.values(), args.keys) < MARKED
            mpl.rcParams['lines.marker'] = 'o' if few else ''
            mpl.rcParams['lines.markersize'] = 4
            names = [work_dir(log).stem for log in joined]
            if args.legend is None and len(set(names)) == len(names):
                sys.argv.append('--legend')
                sys.argv += [f'{n}_{key}' for n in names for key in args.keys]
        runpy.run_path(tool, run_name='__main__')


def replace_logs(args: argparse.Namespace, logs: Iterable[str]) -> None:
    """Put other logs in the place of those on the command line."""
    kept = list(sys.argv)
    for log in args.json_logs:
        kept.remove(log)
    # Right behind the task, where no option takes them for its own.
    place = kept.index(args.task) + 1
    sys.argv[:] = [*kept[:place], *logs, *kept[place:]]


if __name__ == '__main__':
    run(main)
