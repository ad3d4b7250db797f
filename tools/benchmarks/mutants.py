# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Breaks the package in one place at a time; do the tests notice?

Every entry of ``mutations.yml`` is one small fault: a text that occurs once
in a file of the package, what it is replaced by, and the tests that are to
fail then. A fault that no test can see, because nothing a user could observe
differs, says why it is equivalent::

    python tools/benchmarks/mutants.py --out docs/benchmarks/mutants.json
    python tools/benchmarks/mutants.py --only flip       # files, words
    python tools/benchmarks/mutants.py --again survived  # after new tests

The tests run in processes forked from one that has imported the framework but
nothing of this package, on a copy of the checkout, so a fault takes seconds.
First the same tests run on the package as it is, and must pass. Results of
faults that are in the file of ``--out`` already, with the same text, are kept
unless ``--again`` names them.
"""

import argparse
import importlib
import importlib.util
import json
import os
import py_compile
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from interrupting import end, ends_within, start
from mutation_list import (
    LIST,
    PACKAGE,
    REPO,
    Mutation,
    check_list,
    read_list,
)

#: Imported once, before any fork; nothing of this package among them.
HEAVY = (
    *('pytest', 'hypothesis.extra.numpy', 'torch', 'numba', 'cv2'),
    *('scipy.fft', 'mpmath', 'pycocotools.coco', 'matplotlib.pyplot'),
    *('mmengine.runner', 'mmengine.evaluator', 'mmengine.visualization'),
    *('mmpretrain.apis', 'mmpretrain.engine', 'mmpretrain.visualization'),
)
#: Functions compiled from other files are built into those of this folder.
INLINED = PACKAGE / 'evaluation' / 'functional' / 'contours'

KILLED, SURVIVED, EQUIVALENT = 'killed', 'survived', 'equivalent'
TIMED_OUT, NOT_RUN = 'timed out', 'not run'


def prepare_environment() -> None:
    """Repair the environment without importing the package."""
    file = REPO / PACKAGE / 'utils' / 'environment.py'
    # By its file, and under its name, so that `projects` is not imported.
    spec = importlib.util.spec_from_file_location(
        'projects.scm.utils.environment', file
    )
    environment = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(environment)
    environment.prepare_environment()


def import_framework() -> None:
    """Import what takes long, after the repairs of the environment."""
    os.environ['OMP_NUM_THREADS'] = '1'  # threads do not survive a fork
    os.environ.setdefault('MPLBACKEND', 'agg')
    prepare_environment()
    for name in HEAVY:
        importlib.import_module(name)
    loaded = [n for n in sys.modules if n.split('.')[0] == 'projects']
    if loaded:
        raise RuntimeError(f'imported before the fork: {loaded}')


class Copy:
    """A copy of the checkout, in which one file at a time is faulty."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / 'checkout'
        self.caches = folder / 'compiled'
        self.folder = folder
        listed = subprocess.run(
            ['git', 'ls-files', '-z', '--cached', '--others']
            + ['--exclude-standard'],
            cwd=REPO,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for name in filter(None, listed.split('\0')):
            if (REPO / name).is_file():
                target = self.root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPO / name, target)
        for file in (self.root / PACKAGE).rglob('*.py'):
            py_compile.compile(str(file))

    @contextmanager
    def broken(self, fault: Mutation | None) -> Iterator[None]:
        """The copy with a fault in it; None is the package as it is."""
        if fault is None:
            yield
            return
        file = self.root / PACKAGE / fault.file
        Path(importlib.util.cache_from_source(str(file))).unlink(True)
        # The checkout may have changed since it was copied.
        kept, faulty = file.read_bytes(), fault.text(self.root)
        times = file.stat().st_atime_ns, file.stat().st_mtime_ns
        file.write_text(faulty)
        try:
            yield
        finally:
            file.write_bytes(kept)
            os.utime(file, ns=times)  # compiled functions ask for it

    def compiled(self, fault: Mutation | None) -> Path:
        """A folder for compiled functions that fits a fault.

        Those of the package as it is are taken over where no function of
        another file may hold the faulty one.
        """
        if fault is None:
            return self.caches
        own = self.folder / f'compiled-{fault.name}'
        if (PACKAGE / fault.file).is_relative_to(INLINED):
            own.mkdir()
        else:
            shutil.copytree(self.caches, own, dirs_exist_ok=True)
            for entry in own.rglob(f'{Path(fault.file).stem}.*'):
                entry.unlink()
        return own


class _Watch:
    """A plugin of pytest that keeps counts and the first failure."""

    def __init__(self) -> None:
        self.passed = self.skipped = 0
        self.failed: list[dict[str, str]] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count a test."""
        if report.failed:
            self._fail(report)
        elif report.skipped:
            self.skipped += 1
        elif report.when == 'call':
            self.passed += 1

    def pytest_collectreport(self, report: Any) -> None:
        """A file that cannot be imported fails, too."""
        if report.failed:
            self._fail(report)

    def _fail(self, report: Any) -> None:
        lines = str(report.longrepr).strip().splitlines()
        errors = [line[1:].strip() for line in lines if line[:2] == 'E ']
        self.failed.append(
            {
                'test': report.nodeid,
                'error': (errors or lines[-1:] or [''])[0][:200],
            }
        )


def _run_tests(
    root: Path, compiled: Path, tests: list[str], first: bool, out: Path
) -> None:
    """In a forked process: run tests of a copy, write what came of it."""
    import numba.core.config
    import pytest

    os.chdir(root)
    sys.dont_write_bytecode = True
    os.environ.update(
        NUMBA_CACHE_DIR=str(compiled),
        PYTHONPATH=str(root),
        PYTHONDONTWRITEBYTECODE='1',
    )
    numba.core.config.reload_config()
    sys.path[:] = [str(root), *(p for p in sys.path if p != str(REPO))]
    watch = _Watch()
    code = pytest.main(
        [
            *(f'tests/{test}' for test in tests),
            *(['-x'] if first else []),
            *['-q', '--tb=short', '-p', 'no:cacheprovider'],
            *['-m', 'not slow and not optional', '--hypothesis-seed=0'],
        ],
        plugins=[watch],
    )
    package = sys.modules.get('projects.scm')
    at = str(getattr(package, '__file__', None))
    if not at.startswith(str(root)) and not watch.failed:
        raise RuntimeError(f'the tests ran on {at}, not on the copy')
    result = {**vars(watch), 'code': int(code)}
    out.write_text(json.dumps(result))


class Run:
    """Tests of a copy in a process of their own."""

    def __init__(
        self, copy: Copy, fault: Mutation | None, tests: list[str]
    ) -> None:
        self.name = fault.name if fault else 'as-it-is'
        self.begin = time.monotonic()
        self.result = copy.folder / f'{self.name}.json'
        self.log = copy.folder / f'{self.name}.log'
        compiled, first = copy.compiled(fault), fault is not None
        self.pid = start(
            lambda: _run_tests(copy.root, compiled, tests, first, self.result),
            self.log,
        )

    def wait(self, limit: float) -> dict[str, Any]:
        """What came of it.

        Args:
            limit: Seconds.

        Returns:
            dict: ``verdict``, seconds, counts, and which test failed how.

        Raises:
            RuntimeError: If the process ended without a result.
        """
        ended = ends_within(self.pid, limit)
        seconds = round(time.monotonic() - self.begin, 1)
        if not ended:
            os.killpg(self.pid, signal.SIGKILL)
        end(self.pid)
        if not ended:
            return {'verdict': TIMED_OUT, 'seconds': seconds}
        if not self.result.is_file():
            raise RuntimeError(f'{self.name}: {self.log.read_text()[-3000:]}')
        found = json.loads(self.result.read_text())
        if not found['failed'] and (found['code'] or not found['passed']):
            raise RuntimeError(
                f'{self.name}: no test ran: {self.log.read_text()[-3000:]}'
            )
        verdict = KILLED if found['failed'] else SURVIVED
        return {'verdict': verdict, 'seconds': seconds, **found}


def try_fault(copy: Copy, fault: Mutation, limit: float) -> dict[str, Any]:
    """Run the tests of a fault; equivalent ones must survive."""
    with copy.broken(fault):
        found = Run(copy, fault, list(fault.tests)).wait(limit)
    verdict = found['verdict']
    if fault.equivalent and verdict == SURVIVED:
        verdict = EQUIVALENT
    entry = {**asdict(fault), 'verdict': verdict, 'seconds': found['seconds']}
    if found.get('failed'):
        entry['killed_by'] = found['failed'][0]
    return entry


def kept_results(
    path: Path, again: str | None, words: list[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Results of an earlier run, by name, without those to be tried again.

    Of the latter only those that are meant, see :func:`is_meant`: the others
    would be lost.
    """
    if not path.is_file():
        return {}
    return {
        entry['name']: entry
        for entry in json.loads(path.read_text())['mutations']
        if entry['verdict'] != NOT_RUN
        and not (
            entry['verdict'] == again
            and is_meant(entry['name'], entry['file'], words)
        )
    }


def is_meant(name: str, file: str, words: list[str] | None) -> bool:
    """Whether the name or the file of a fault holds one of some words."""
    return not words or any(word in f'{name} {file}' for word in words)


def fits(entry: dict[str, Any] | None, fault: Mutation) -> bool:
    """Whether a result is of this very fault."""
    keys = ('file', 'old', 'new', 'equivalent')
    return entry is not None and all(
        entry.get(key) == getattr(fault, key) for key in keys
    )


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix('.part')
    text = json.dumps(content, indent=1, ensure_ascii=False)
    beside.write_text(text + '\n')
    beside.replace(path)


def collect(
    faults: list[Mutation], results: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """The content of the file of results."""
    entries = [
        results[fault.name]
        if fits(results.get(fault.name), fault)
        else {**asdict(fault), 'verdict': NOT_RUN}
        for fault in faults
    ]
    counts = Counter(entry['verdict'] for entry in entries)
    return {
        'benchmark': 'mutants',
        'counts': {'mutations': len(entries), **dict(sorted(counts.items()))},
        'mutations': entries,
    }


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', type=Path, help='JSON file of results')
    parser.add_argument(
        '--only',
        nargs='+',
        help='faults whose name or file holds one of these',
    )
    parser.add_argument(
        '--again',
        choices=[KILLED, SURVIVED, EQUIVALENT, TIMED_OUT],
        help='try these again, though results of them are kept',
    )
    parser.add_argument(
        '--limit', type=float, default=600, help='seconds a fault may take'
    )
    parser.add_argument(
        '--list', type=Path, default=LIST, help='YAML file of faults'
    )
    parser.add_argument(
        '--skip-control',
        action='store_true',
        help='do not run the tests on the package as it is first',
    )
    return parser.parse_args()


def check_passes(copy: Copy, faults: list[Mutation], limit: float) -> None:
    """Run the tests of all faults on the package as it is.

    Raises:
        RuntimeError: If one of them fails.
    """
    tests = sorted({test for fault in faults for test in fault.tests})
    # Where a file is given as a whole, its tests need not be.
    tests = [
        t for t in tests if '::' not in t or t.split('::')[0] not in tests
    ]
    found = Run(copy, None, tests).wait(limit)
    print(
        f'as it is: {found.get("passed", 0)} tests passed, '
        f'{found["seconds"]} s',
        flush=True,
    )
    if found['verdict'] != SURVIVED:
        raise RuntimeError(
            f'the tests do not pass without any fault: {found["verdict"]}, '
            f'{found.get("failed")}'
        )


def main() -> None:
    """Try all faults that have no result yet."""
    args = parse_args()
    every = read_list(args.list)
    results = kept_results(args.out, args.again, args.only) if args.out else {}
    faults = [
        fault
        for fault in every
        if not fits(results.get(fault.name), fault)
        and is_meant(fault.name, fault.file, args.only)
    ]
    check_list(faults)
    import_framework()
    with tempfile.TemporaryDirectory(prefix='mutants-') as folder:
        copy = Copy(Path(folder))
        copy.caches.mkdir()
        if faults and not args.skip_control:
            check_passes(copy, faults, 10 * args.limit)
        for number, fault in enumerate(faults, 1):
            entry = try_fault(copy, fault, args.limit)
            results[fault.name] = entry
            by = entry.get('killed_by', {})
            print(
                f'{number}/{len(faults)} {fault.name}: {entry["verdict"]}, '
                f'{entry["seconds"]} s {by.get("test", "")}',
                flush=True,
            )
            if args.out:
                write(args.out, collect(every, results))
    content = collect(every, results)
    if args.out:
        write(args.out, content)
    counts = content['counts']
    print(', '.join(f'{value} {key}' for key, value in counts.items()))
    if counts.get(SURVIVED) or counts.get(TIMED_OUT):
        sys.exit('some faults survived')


if __name__ == '__main__':
    main()
