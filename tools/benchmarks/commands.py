# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Commands as contestants: time and peak memory of whole processes.

For what a user waits for at the shell, of this checkout and of another one,
for instance a worktree of an earlier commit. Commands take turns, A B A B, and
a ratio is the median of the ratios within the rounds. The processor's time is
told beside the clock's: it hardly depends on what else the machine does.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from measuring import REPO, summarise


class Command(NamedTuple):
    """A command of a checkout.

    Attributes:
        arguments: Of Python: a script with its own, or ``-c`` and code.
        checkout: Where it runs; its package is the one that is imported.
    """

    arguments: Sequence[str]
    checkout: Path = REPO


def run_command(command: Command) -> dict[str, float]:
    """Run it to its end.

    Args:
        command (Command): What to run.

    Returns:
        dict[str, float]: ``wall`` and ``cpu`` in seconds, ``peak_mib``, the
        resident memory of the largest process at its peak.

    Raises:
        RuntimeError: If it fails; with its last lines.
    """
    words = [sys.executable, *map(str, command.arguments)]
    paths = [str(command.checkout), os.environ.get('PYTHONPATH', '')]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    start = time.perf_counter()
    child = subprocess.Popen(
        words,
        cwd=command.checkout,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if child.returncode:
        raise RuntimeError(f'{" ".join(words)}: {said[-2000:]}')
    return dict(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss / 1024,
    )


def run_in_turns(
    commands: Mapping[str, Command],
    repeats: int,
    baseline: str,
    prepare: Callable[[str], None] = lambda name: None,
) -> dict[str, dict[str, float]]:
    """Run the contestants in turns.

    Args:
        commands (Mapping[str, Command]): By name.
        repeats (int): Rounds that count; one before them does not.
        baseline (str): The one that ratios are taken to.
        prepare (Callable): Called with a name before each run of it.

    Returns:
        dict: As of :func:`measuring.summarise`, with ``peak_mib``.
    """
    times = {name: dict(wall=[], cpu=[]) for name in commands}
    peaks = {name: [] for name in commands}
    for index in range(repeats + 1):
        for name, command in commands.items():
            prepare(name)
            used = run_command(command)
            print(f'{name}: {used}', file=sys.stderr, flush=True)
            if index:
                peaks[name].append(used.pop('peak_mib'))
                for kind, seconds in used.items():
                    times[name][kind].append(seconds)
    summary = summarise(times, baseline)
    for name, own in peaks.items():
        summary[name]['peak_mib'] = round(median(own), 1)
    return summary
