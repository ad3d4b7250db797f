# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Kills trainings and fills their disk, at random times; what is lost?

A tiny training with augmentation, dropout and drop path is killed (SIGKILL,
worker processes and all) at a random time, or the disk that it writes to
fills up; then it is resumed, and its last checkpoint compared bit for bit
with that of a training that nobody interrupted. The same is done to the
writers of results, whose files are to be whole at any time::

    python tools/benchmarks/soak.py --kills 60 --full-disks 20 --out soak.json

Each training is a process of its own, forked from one that has imported
everything. Full disks are small tmpfs file systems where this may mount some
(as root on Linux), and elsewhere limits of the size of a file.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import arguments
from _repo_path import make_importable


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments.parser_of(__doc__)
    parser.add_argument('--kills', type=int, default=60)
    parser.add_argument('--full-disks', type=int, default=20)
    parser.add_argument(
        '--writer-kills',
        type=int,
        default=60,
        help='half as many full disks of writers are tried as well',
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--out',
        type=Path,
        help='JSON file of the record, written again after every case',
    )
    parser.add_argument(
        '--join',
        type=Path,
        nargs='+',
        metavar='FILE',
        help='only add up the records of several runs, of other seeds each',
    )
    return parser.parse_args()


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

make_importable()

import projects.scm.register  # noqa: E402, F401, I001  before mmpretrain
import matplotlib.pyplot  # noqa: E402, F401  as a training does, late
import measuring  # noqa: E402
import torch  # noqa: E402
import torch._dynamo  # noqa: E402
from interrupting import may_mount  # noqa: E402
from soak_trainings import (  # noqa: E402
    TRAININGS,
    fill_disk,
    kill_training,
    run_whole,
    tiny_training,
)
from soak_writers import (  # noqa: E402
    fill_later,
    interrupt_writers,
    kill_later,
)

from projects.scm.utils import write_json  # noqa: E402


def main() -> None:
    """Run the tool."""
    args = parse_args()
    if args.join:
        record = join([json.loads(path.read_text()) for path in args.join])
        print(table(record))
        if args.out:
            write_json(args.out, record)
        return
    torch.set_num_threads(1)
    chance = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix='soak') as folder:
        record = soak(Path(folder), args, chance)
    print(table(record))
    if args.out:
        write_json(args.out, record)
    if any(row['lost'] for row in record['rows']):
        raise SystemExit('something was lost')


def soak(
    folder: Path, args: argparse.Namespace, chance: random.Random
) -> dict[str, Any]:
    """Do all of it.

    Args:
        folder (Path): For everything.
        args (Namespace): Counts.
        chance (Random): Decides when.

    Returns:
        dict[str, Any]: The record.
    """
    began = time.monotonic()
    data = tiny_training.draw_cub(folder / 'cub')
    names = list(TRAININGS)[: args.kills + args.full_disks]
    # The first training compiles functions that the others find on the disk.
    warm = folder / 'warm'
    warm.mkdir()
    run_whole(names[0], data, warm)
    whole = {name: run_whole(name, data, folder) for name in names}
    for name, found in whole.items():
        print(
            f'{name}: {found["seconds"]:.2f} s, the first checkpoint after '
            f'{found["first"]:.2f} s'
        )
    rows = []

    def record(more: list[dict[str, Any]]) -> dict[str, Any]:
        found = dict(
            benchmark='soak',
            seed=args.seed,
            disk='tmpfs' if may_mount() else 'limit of the size of a file',
            machine=measuring.describe_machine('cpu'),
            minutes=round((time.monotonic() - began) / 60, 1),
            rows=[row for row in [*rows, *more] if row['interrupted']],
        )
        if args.out:
            write_json(args.out, found)
        return found

    for kind, number, interrupt, offset in (
        ('killed', args.kills, kill_training, 0),
        ('disk full', args.full_disks, fill_disk, args.kills),
    ):
        cases = []
        for index in range(number):
            # Few of both are of all trainings nevertheless.
            name = names[(index + offset) % len(names)]
            case = folder / f'{kind} {index}'
            result = interrupt(name, data, case, whole[name], chance)
            cases.append({'training': name, **result})
            print(kind, index + 1, 'of', number, cases[-1], flush=True)
            shutil.rmtree(case)
            record([summarize(kind, name, cases) for name in names])
        rows += [summarize(kind, name, cases) for name in names]
    for kind, number, interrupt in (
        ('killed', args.writer_kills, kill_later),
        ('disk full', args.writer_kills // 2, fill_later),
    ):
        halves: Counter[str] = Counter()
        for index in range(number):
            case = folder / f'writing {kind} {index}'
            halves.update(interrupt_writers(case, interrupt, chance))
            shutil.rmtree(case)
        rows.append(
            dict(
                what='results',
                kind=kind,
                interrupted=number,
                files=halves.total() - halves['half'],
                lost=halves['half'],
            )
        )
        print(rows[-1], flush=True)
        record([])
    return record([])


def join(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Add up the rows of several records."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records:
        for row in record['rows']:
            sums = rows.setdefault((row['what'], row['kind']), {})
            for key, value in row.items():
                known = isinstance(value, int) and key in sums
                sums[key] = value + sums[key] if known else value
    order = sorted(
        rows, key=lambda key: (key[0] == 'results', key[1] != 'killed')
    )
    return dict(
        records[0],
        seed=[record['seed'] for record in records],
        minutes=[record['minutes'] for record in records],
        rows=[rows[key] for key in order],
    )


def summarize(
    kind: str, name: str, cases: list[dict[str, Any]]
) -> dict[str, Any]:
    """One line of the table."""
    own = [case for case in cases if case['training'] == name]
    count = {
        key: sum(bool(case[key]) for case in own)
        for key in ('before_first', 'identical')
    }
    halves = sum(case['half'] for case in own)
    return dict(
        what=name,
        kind=kind,
        interrupted=sum(case['interrupted'] for case in own),
        trainings=len(own),
        **count,
        files=sum(case['files'] for case in own),
        half=halves,
        lost=len(own) - count['identical'] + halves,
    )


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    lines = [
        '| what | interrupted by | times | of these before the first '
        'checkpoint | resumed and identical | files looked at | half files |',
        '| --- | --- | --: | --: | --: | --: | --: |',
    ]
    for row in record['rows']:
        same = (
            f'{row["identical"]} of {row["trainings"]}'
            if 'trainings' in row
            else ''
        )
        half = row.get('half', row['lost'])
        lines.append(
            f'| {row["what"]} | {row["kind"]} | {row["interrupted"]} | '
            f'{row.get("before_first", "")} | {same} | {row["files"]} | '
            f'{half} |'
        )
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
