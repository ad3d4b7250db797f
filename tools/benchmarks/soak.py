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
import contextlib
import csv
import hashlib
import json
import os
import pickle
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable

make_importable()

import measuring  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

# The tiny training is the tests'.
sys.path.insert(0, str(measuring.REPO / 'tests'))

import mmengine  # noqa: E402
from test_engine import tiny_training  # noqa: E402

import projects.scm.register  # noqa: E402, F401  before mmpretrain
from projects.scm.apis.outputs import FORMATS, ResultFolder, writer  # noqa: E402
from projects.scm.utils import write_file, write_json  # noqa: E402

_KEEP = 'default_hooks.checkpoint.max_keep_ckpts'
#: Options of the kinds of training, by name.
TRAININGS: dict[str, dict[str, Any]] = {
    'by epoch, best kept': {
        'train_cfg.max_epochs': 4,
        _KEEP: 1,
        'default_hooks.checkpoint.save_best': 'accuracy/top1',
    },
    'by epoch, 2 workers': {
        'train_cfg.max_epochs': 4,
        _KEEP: 2,
        'train_dataloader.num_workers': 2,
        'train_dataloader.persistent_workers': True,
    },
    'within epochs': {
        'train_cfg.max_epochs': 4,
        _KEEP: 2,
        'default_hooks.checkpoint.by_epoch': False,
        'default_hooks.checkpoint.interval': 2,
    },
    'by iteration': {
        **tiny_training.iteration_options('InfiniteSampler', 12),
        _KEEP: 2,
    },
}
#: Room on a disk that is to be filled, MiB.
_DISK_MIB = 8


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    args = parser.parse_args()
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
    names = list(TRAININGS)
    whole = {name: run_whole(name, data, folder) for name in names}
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

    for kind, number, interrupt in (
        ('killed', args.kills, kill_training),
        ('disk full', args.full_disks, fill_disk),
    ):
        cases = []
        for index in range(number):
            name = names[index % len(names)]
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


def start(target: Callable[[], Any], log: Path) -> int:
    """Start a function in a process of its own, the first of a group.

    Args:
        target (Callable): What it runs.
        log (Path): Where its output goes.

    Returns:
        int: Number of the process.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        with log.open('ab') as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        target()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def end(pid: int) -> int:
    """Wait for a process; its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def train(name: str, data: Path, work_dir: Path) -> Callable[[], Any]:
    """A training as a command with ``--resume`` runs it."""

    def run() -> None:
        tiny_training.train(
            tiny_training.tiny_config(
                data, work_dir, resume=True, **TRAININGS[name]
            )
        )

    return run


def run_whole(name: str, data: Path, folder: Path) -> dict[str, Any]:
    """An uninterrupted training: its end, and how long it takes, seconds."""
    work_dir = folder / f'whole {name}'
    began = time.monotonic()
    log = folder / f'whole {name}.log'
    if end(start(train(name, data, work_dir), log)):
        raise RuntimeError(log.read_text())
    took = time.monotonic() - began
    last = work_dir / Path((work_dir / 'last_checkpoint').read_text()).name
    return dict(
        seconds=took,
        digest=digest(last),
        last=last.name,
        bytes=last.stat().st_size,
    )


def digest(checkpoint: Path) -> str:
    """Of weights, optimizer and schedulers."""
    sha = hashlib.sha256()

    def take(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            sha.update(str((value.dtype, value.shape)).encode())
            sha.update(value.contiguous().numpy().tobytes())
        elif isinstance(value, dict):
            for key, inner in value.items():
                take(key)
                take(inner)
        elif isinstance(value, (list, tuple)):
            for inner in value:
                take(inner)
        else:
            sha.update(repr(value).encode())

    take(tiny_training.read_state(checkpoint))
    return sha.hexdigest()


def look_at(work_dir: Path) -> dict[str, int]:
    """Count files and half ones of a training that was interrupted."""
    half = 0
    checkpoints = list(work_dir.glob('*.pth'))
    for path in checkpoints:
        try:
            torch.load(path, weights_only=False)
        except Exception:
            traceback.print_exc()
            half += 1
    notes = 0
    pointer = work_dir / 'last_checkpoint'
    if pointer.exists():
        notes += 1
        half += not (work_dir / Path(pointer.read_text()).name).is_file()
    if (work_dir / 'last_validation').exists():
        notes += 1
        half += not parses(work_dir / 'last_validation', json.loads)
    return dict(files=len(checkpoints) + notes, half=half)


def resume_to_the_end(
    name: str, data: Path, work_dir: Path, whole: dict[str, Any]
) -> bool:
    """Resume; whether the end is that of the uninterrupted training."""
    log = work_dir.parent / 'log'
    if end(start(train(name, data, work_dir), log)):
        print(log.read_text()[-3000:])
        return False
    left = [path.name for path in work_dir.glob('.*.part')]
    last = work_dir / whole['last']
    same = last.is_file() and digest(last) == whole['digest']
    if left or not same:
        print(log.read_text()[-3000:], left, sorted(os.listdir(work_dir)))
    return same and not left


def kill_training(
    name: str,
    data: Path,
    folder: Path,
    whole: dict[str, Any],
    chance: random.Random,
) -> dict[str, Any]:
    """Kill a training once, and resume it."""
    folder.mkdir()
    work_dir = folder / 'work'
    pid = start(train(name, data, work_dir), folder / 'log')
    time.sleep(chance.uniform(0.1, 1) * whole['seconds'])
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    code = end(pid)
    work_dir.mkdir(exist_ok=True)
    seen = look_at(work_dir)
    return dict(
        interrupted=int(code != 0),
        before_first=not list(work_dir.glob('*.pth')),
        **seen,
        identical=resume_to_the_end(name, data, work_dir, whole),
    )


def may_mount() -> bool:
    """Whether a small file system can be had."""
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(OSError):
        done = subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'soak', folder],
            capture_output=True,
        )
        if done.returncode == 0:
            subprocess.run(['umount', folder], check=True)
            return True
    return False


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[Callable[[int, int], Callable[[], None]]]:
    """A small disk; gives what fills it up to some bytes, and that undoes it.

    Args:
        folder (Path): Where it is mounted.
    """
    folder.mkdir(parents=True)
    if not may_mount():

        def limit(free: int, pid: int) -> Callable[[], None]:
            bounds = (max(free, 4096), resource.RLIM_INFINITY)
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, bounds)
            return lambda: None

        yield limit
        return
    options = f'size={_DISK_MIB}m'
    command = ['mount', '-t', 'tmpfs', '-o', options, 'soak', str(folder)]
    subprocess.run(command, check=True)

    def fill(free: int, _: int) -> Callable[[], None]:
        ballast = folder / 'ballast'
        room = os.statvfs(folder)
        left = max(room.f_bavail * room.f_frsize - free, 0)
        with contextlib.suppress(OSError), ballast.open('wb') as file:
            file.write(b'0' * left)
        return lambda: ballast.unlink(missing_ok=True)

    try:
        yield fill
    finally:
        subprocess.run(['umount', '-l', str(folder)], check=True)


def fill_disk(
    name: str,
    data: Path,
    folder: Path,
    whole: dict[str, Any],
    chance: random.Random,
) -> dict[str, Any]:
    """Fill the disk of a training until it fails, and resume with room."""
    with disk(folder / 'disk') as fill:
        work_dir = folder / 'disk' / 'work'
        pid = start(train(name, data, work_dir), folder / 'disk.log')
        time.sleep(chance.uniform(0.1, 0.7) * whole['seconds'])
        empty = fill(chance.randrange(whole['bytes']), pid)
        code = end(pid)
        empty()
        work_dir.mkdir(exist_ok=True)
        seen = look_at(work_dir)
        text = (folder / 'disk.log').read_text()
        if code and 'space left' not in text and 'too large' not in text:
            print(text[-3000:])
            seen['half'] += 1
        return dict(
            interrupted=int(code != 0),
            before_first=not list(work_dir.glob('*.pth')),
            **seen,
            identical=resume_to_the_end(name, data, work_dir, whole),
        )


def write_results(folder: Path) -> None:
    """Write results in all formats, over and over."""
    writer.FLUSH_INTERVAL_S = 0.0
    rng = np.random.default_rng(0)
    classes = [f'class {index}' for index in range(5)]
    for turn in range(100_000):
        mark = f'{turn % 10}'.encode()
        mmengine.dump([turn % 10] * 50_000, str(folder / 'predictions.pkl'))
        write_file(folder / 'page.html', mark * 500_000)
        info = dict(model='tiny', checkpoint='none')
        with ResultFolder(
            folder / 'results', FORMATS.values(), classes, info, overwrite=True
        ) as results:
            for index in range(30):
                results.add(make_result(index, rng))


def make_result(index: int, rng: np.random.Generator) -> dict[str, Any]:
    """As ``WSOLInferencer`` gives it, with random boxes."""
    corners = np.sort(rng.uniform(0, 200, (3, 2, 2)), axis=1).reshape(3, 4)
    return dict(
        img_path=f'photos/{index}.jpg',
        file_name=f'{index}.jpg',
        name=str(index),
        width=200,
        height=200,
        pred_label=int(rng.integers(5)),
        pred_score=0.5,
        bboxes=corners.astype(np.float32),
        labels=rng.integers(0, 5, 3),
        scores=rng.uniform(0, 1, 3).astype(np.float32),
    )


def parses(path: Path, read: Callable[[str], Any]) -> bool:
    """Whether a file can be read."""
    try:
        read(path.read_text())
    except Exception:
        traceback.print_exc()
        return False
    return True


def is_whole(path: Path) -> bool:
    """Whether a file of results is complete in itself."""
    if path.suffix == '.pkl':
        content = pickle.loads(path.read_bytes())
        return len(content) == 50_000 and len(set(content)) == 1
    if path.suffix == '.html':
        content = path.read_bytes()
        return len(content) == 500_000 and len(set(content)) == 1
    if path.suffix == '.json':
        return parses(path, json.loads)
    if path.suffix == '.xml':
        return parses(path, xml.etree.ElementTree.fromstring)
    text = path.read_text()
    if text and not text.endswith('\n'):
        return False
    if path.suffix == '.csv':
        return {len(row) for row in csv.reader(text.splitlines())} <= {11}
    if path.parent.name == 'labels' or 'labels' in path.parts:
        return {len(line.split()) for line in text.splitlines()} <= {5, 6}
    return True


def kill_later(folder: Path, pid: int, _: Any, chance: random.Random) -> None:
    """Kill after up to a second and a half."""
    time.sleep(chance.uniform(0.02, 1.5))
    os.killpg(pid, signal.SIGKILL)
    end(pid)


def fill_later(
    folder: Path,
    pid: int,
    fill: Callable[[int, int], Callable[[], None]],
    chance: random.Random,
) -> None:
    """Fill the disk after a while; the writers fail by themselves."""
    time.sleep(chance.uniform(0.02, 1.0))
    empty = fill(chance.randrange(200_000), pid)
    end(pid)
    empty()


def interrupt_writers(
    case: Path, interrupt: Callable[..., None], chance: random.Random
) -> dict[str, int]:
    """Interrupt writers of results; files by suffix, and half ones."""
    with disk(case / 'disk') as fill:
        folder = case / 'disk' / 'out'
        folder.mkdir()
        pid = start(lambda: write_results(folder), case / 'log')
        interrupt(folder, pid, fill, chance)
        counts: Counter[str] = Counter()
        for path in folder.rglob('*'):
            if path.is_file() and not path.name.endswith('.part'):
                counts[path.suffix] += 1
                if not is_whole(path):
                    print('half:', path, path.read_bytes()[-200:])
                    counts['half'] += 1
        return counts


if __name__ == '__main__':
    main()
