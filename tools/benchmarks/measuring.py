# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Fair timing and peak memory of contestants.

Contestants are timed in turns, A B C A B C …, in one process, so that what
else happens on the machine meets all of them; a ratio is the median of the
ratios within the rounds. Peak memory is taken in a fresh process each.
"""

import concurrent.futures
import gc
import importlib.util
import json
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

REPO = Path(__file__).resolve().parents[2]

#: What is timed.
Step = Callable[[], Any]
#: Builds a step. A function of a module, so that a new process can call it.
MakeStep = Callable[..., Step]


def load_oracle() -> ModuleType:
    """The literal dense calibration, which the tests own."""
    file = REPO / 'tests' / 'references' / 'dense_calibration.py'
    spec = importlib.util.spec_from_file_location('dense_calibration', file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def describe_machine(device: str) -> dict[str, Any]:
    """What the figures depend on, without names of hosts or people."""
    machine = dict(
        cpu=_cpu_model(),
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        system=platform.system(),
        python=platform.python_version(),
        torch=torch.__version__,
        load_average=[round(load, 2) for load in os.getloadavg()],
    )
    if device.startswith('cuda'):
        machine.update(
            gpu=torch.cuda.get_device_name(device),
            cuda=torch.version.cuda,
            tf32=torch.backends.cuda.matmul.allow_tf32,
        )
    return machine


def _cpu_model() -> str:
    info = Path('/proc/cpuinfo')
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()


def measure_rates(device: str, size: int = 1536) -> dict[str, float]:
    """What the machine gives at best: fp32 products and plain copies.

    Returns:
        dict[str, float]: ``gflops`` of a product of square matrices,
        ``gbytes`` a second read and written by a copy of 128 MiB.
    """
    a = torch.randn(size, size, device=device)
    source = torch.randn(2**25, device=device)
    target = torch.empty_like(source)
    times = time_in_turns(
        {'product': lambda: a @ a, 'copy': lambda: target.copy_(source)},
        repeats=7,
        warmup=2,
        device=device,
    )
    fastest = {name: min(t['wall']) for name, t in times.items()}
    return dict(
        gflops=round(2 * size**3 / fastest['product'] / 1e9, 1),
        gbytes=round(2 * source.nbytes / fastest['copy'] / 1e9, 1),
    )


def time_in_turns(
    steps: dict[str, Step], repeats: int, warmup: int, device: str
) -> dict[str, dict[str, list[float]]]:
    """Time the contestants in turns.

    Args:
        steps (dict[str, Step]): What to time, by name.
        repeats (int): Rounds that count.
        warmup (int): Rounds before them that do not.
        device (str): Work queued on it is waited for.

    Returns:
        dict: Name -> ``wall`` and ``cpu``, seconds of every round. The time
        the process had on its cores (``cpu``) hardly depends on what else
        runs on the machine, as long as there is one thread.
    """

    def wait() -> None:
        if device.startswith('cuda'):
            torch.cuda.synchronize(device)

    times = {name: dict(wall=[], cpu=[]) for name in steps}
    for index in range(warmup + repeats):
        for name, step in steps.items():
            gc.collect()
            wait()
            cpu, wall = time.process_time(), time.perf_counter()
            step()
            wait()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if index >= warmup:
                times[name]['wall'].append(wall)
                times[name]['cpu'].append(cpu)
    return times


def summarise(
    times: dict[str, dict[str, list[float]]], baseline: str
) -> dict[str, dict[str, float]]:
    """Medians in milliseconds, and ratios to the baseline.

    Returns:
        dict: Name -> ``wall_ms``, ``cpu_ms``, ``wall_ratio`` and
        ``cpu_ratio`` (medians of the ratios within the rounds), and
        ``wall_ratio_quartiles``.
    """
    summary = {}
    for name, own in times.items():
        row = {}
        for kind in ('wall', 'cpu'):
            ratios = [
                a / b
                for a, b in zip(own[kind], times[baseline][kind], strict=True)
                if b
            ] or [float('nan')]
            row[f'{kind}_ms'] = round(statistics.median(own[kind]) * 1e3, 3)
            row[f'{kind}_ratio'] = round(statistics.median(ratios), 4)
            if kind == 'wall' and len(ratios) > 1:
                low, _, high = statistics.quantiles(ratios, method='inclusive')
                row['wall_ratio_quartiles'] = [round(low, 4), round(high, 4)]
        summary[name] = row
    return summary


def peak_memory(
    make_step: MakeStep,
    name: str,
    case: dict[str, int],
    device: str,
    **how: Any,
) -> dict[str, float]:
    """Peak memory of building a step and running it twice, in MiB.

    Args:
        make_step (MakeStep): Called in a new process.
        name (str): The contestant.
        case (dict): The case, with ``threads``.
        device (str): Where the memory is.
        **how: More arguments of ``make_step``.

    Returns:
        dict[str, float]: ``tensors``, what PyTorch's allocator had handed
        out at most (parameters, gradients, optimizer state and activations).
        On a CPU under Linux also ``resident``, by how much the process grew:
        it counts what libraries allocate by themselves, and fragmentation.
    """
    kinds = {'tensors': _cuda_peak if device != 'cpu' else _tensor_peak}
    if device == 'cpu' and Path('/proc/self/clear_refs').exists():
        kinds['resident'] = _resident_peak
    result = {}
    for kind, watch in kinds.items():
        with concurrent.futures.ProcessPoolExecutor(
            1, mp_context=multiprocessing.get_context('spawn')
        ) as pool:
            peak = pool.submit(
                _measure_memory, watch, make_step, name, case, device, how
            )
            result[kind] = round(peak.result() / 2**20, 2)
    return result


def _measure_memory(
    watch: Callable[[Step], float],
    make_step: MakeStep,
    name: str,
    case: dict[str, int],
    device: str,
    how: dict[str, Any],
) -> float:
    torch.set_num_threads(case['threads'])

    def run() -> None:
        step = make_step(name, case, device, **how)
        for _ in range(2):
            step()

    return watch(run)


def _cuda_peak(run: Step) -> float:
    run()
    return torch.cuda.max_memory_allocated()


def _tensor_peak(run: Step) -> float:
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profiler:
        run()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'trace.json'
        profiler.export_chrome_trace(str(file))
        events = json.loads(file.read_text())['traceEvents']
    return max(
        event['args']['Total Allocated']
        for event in events
        if event.get('name') == '[memory]'
    )


def _resident_peak(run: Step) -> float:
    # Resets the high-water mark; the one getrusage gives outlives execve.
    Path('/proc/self/clear_refs').write_text('5')
    before = _status('VmRSS')
    run()
    return _status('VmHWM') - before


def _status(field: str) -> float:
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(f'{field}:'):
            return float(line.split()[1]) * 1024
    raise RuntimeError(f'/proc/self/status has no {field}')
