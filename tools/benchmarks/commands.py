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
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from measuring import REPO, summarise


class Command(NamedTuple):
    """A command of a checkout.

    Attributes:
        arguments: Of Python: a script with its own, or ``-c`` and code.
        checkout: Where it runs; its package is the one that is imported.
    """

    arguments: Sequence[str]
    checkout: Path = REPO


def run_command(command: Command) -> dict[str, Any]:
    """Run it to its end.

    Args:
        command (Command): What to run.

    Returns:
        dict[str, Any]: ``wall`` and ``cpu`` in seconds, ``peak_mib``, the
        resident memory at its peak (Linux), and ``said``, what
        it printed.

    Raises:
        RuntimeError: If it fails; with its last lines.
    """
    words = [sys.executable, *map(str, command.arguments)]
    paths = [str(command.checkout), os.environ.get('PYTHONPATH', '')]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    with tempfile.TemporaryFile('w+') as output:
        start = time.perf_counter()
        child = subprocess.Popen(
            words,
            cwd=command.checkout,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        peak = 0.0
        ended = False
        while not ended:
            peak = max(peak, _peak_mib(child.pid))
            time.sleep(0.02)
            ended, status, usage = os.wait4(child.pid, os.WNOHANG)
        wall = time.perf_counter() - start
        output.seek(0)
        said = output.read()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f'{" ".join(words)}: {said[-2000:]}')
    return dict(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_mib=peak,
        said=said,
    )


def _peak_mib(pid: int) -> float:
    """Most memory that a living process had; 0 where Linux does not tell.

    Of a process that has ended, the kernel tells at least what its parent
    had when it started it.
    """
    try:
        status = Path(f'/proc/{pid}/status').read_text()
    except OSError:
        return 0.0
    _, _, after = status.partition('VmHWM:')
    return float(after.split()[0]) / 1024 if after else 0.0


def run_in_turns(
    commands: Mapping[str, Command],
    repeats: int,
    baseline: str,
    warmup: int = 1,
) -> dict[str, dict[str, float]]:
    """Run the contestants in turns.

    Args:
        commands (Mapping[str, Command]): By name.
        repeats (int): Rounds that count.
        baseline (str): The one that ratios are taken to.
        warmup (int): Rounds before them that do not count.

    Returns:
        dict: As of :func:`measuring.summarise`, with ``peak_mib``, the
        resident memory under ``'resident'``.
    """
    times = {name: dict(wall=[], cpu=[]) for name in commands}
    peaks = {name: [] for name in commands}
    for index in range(warmup + repeats):
        for name, command in commands.items():
            used = run_command(command)
            del used['said']
            print(f'{name}: {used}', file=sys.stderr, flush=True)
            if index >= warmup:
                peaks[name].append(used.pop('peak_mib'))
                for kind, seconds in used.items():
                    times[name][kind].append(seconds)
    summary = summarise(times, baseline)
    for name, own in peaks.items():
        summary[name]['peak_mib'] = dict(resident=round(median(own), 1))
    return summary
