# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Command line, cases, tables, JSON and figures of the benchmarks."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from measuring import (
    MakeStep,
    describe_machine,
    measure_rates,
    peak_memory,
    summarise,
    time_in_turns,
)

from projects.scm.utils import write_json

#: Names on the axes of figures.
QUANTITIES = dict(
    batch_size='images a batch',
    classes='classes',
    grid='patches along a side',
    images='images',
    img_size='pixels along a side',
    threads='threads',
)


def cases_around_first(**values: Sequence[int]) -> list[dict[str, int]]:
    """The base case, and cases that differ from it in one thing.

    Args:
        **values (Sequence[int]): Values of every quantity; the first ones
            make up the base case.

    Returns:
        list[dict[str, int]]: The base case, then all others.
    """
    base = {name: options[0] for name, options in values.items()}
    return [base] + [
        {**base, name: option}
        for name, options in values.items()
        for option in options[1:]
    ]


def measure_steps(
    args: argparse.Namespace,
    make_step: MakeStep,
    names: Sequence[str],
    baseline: str,
    quantities: Sequence[str],
    **how: Any,
) -> dict[str, Any]:
    """Measure all contestants, in all cases of a command line.

    Args:
        args (argparse.Namespace): The command line.
        make_step (MakeStep): Called with a name, the case, the device and
            ``how``.
        names (Sequence[str]): The contestants.
        baseline (str): The one that ratios are taken to.
        quantities (Sequence[str]): What is varied beside the threads.
        **how: For ``make_step``.

    Returns:
        dict: The record: what is measured, on what, and the ``cases``, each
        with ``case`` and ``results`` by contestant, see
        :func:`~measuring.summarise`, with ``peak_mib``.
    """
    threads = args.threads[0]
    torch.set_num_threads(threads)
    options = dict(device=args.device, repeats=args.repeats)
    record = dict(
        options=dict(options, warmup=args.warmup, **how),
        machine=describe_machine(args.device),
        rates=dict(measure_rates(args.device), threads=threads),
    )
    values = {name: getattr(args, name) for name in (*quantities, 'threads')}
    record['cases'] = [
        measure_case(make_step, names, baseline, case, args, **how)
        for case in cases_around_first(**values)
    ]
    return record


def measure_case(
    make_step: MakeStep,
    names: Sequence[str],
    baseline: str,
    case: dict[str, int],
    args: argparse.Namespace,
    **how: Any,
) -> dict[str, Any]:
    """Time and memory of all contestants, in one case.

    Args:
        make_step (MakeStep): Called with a name, the case, the device and
            ``how``.
        names (Sequence[str]): The contestants.
        baseline (str): The one that ratios are taken to.
        case (dict): What is varied, with ``threads``.
        args (argparse.Namespace): The command line.
        **how: For ``make_step``.

    Returns:
        dict: ``case``, and ``results`` by contestant, see
        :func:`~measuring.summarise`, with ``peak_mib``.
    """
    torch.set_num_threads(case['threads'])
    steps = {n: make_step(n, case, args.device, **how) for n in names}
    times = time_in_turns(steps, args.repeats, args.warmup, args.device)
    del steps
    results = summarise(times, baseline)
    if not args.no_memory:
        for name, result in results.items():
            result['peak_mib'] = peak_memory(
                make_step, name, case, args.device, **how
            )
    return dict(case=case, results=results)


def case_rows(record: dict[str, Any], baseline: str) -> list[dict[str, Any]]:
    """Lines of the printed table, one for every case and contestant."""
    lines = []
    for entry in record['cases']:
        base = entry['results'][baseline]
        for name, result in entry['results'].items():
            line = dict(
                entry['case'],
                name=name,
                ms=result['wall_ms'],
                ratio=result['wall_ratio'],
                cpu_ratio=result['cpu_ratio'],
            )
            for kind, own in result.get('peak_mib', {}).items():
                line[f'{kind}_MiB'] = own
                line[f'{kind}_ratio'] = own / base['peak_mib'][kind]
            lines.append(line)
    return lines


def print_table(rows: Iterable[dict[str, Any]]) -> None:
    """Print rows, a column for every key."""
    rows = [{k: _cell(v) for k, v in row.items()} for row in rows]
    heads = list(dict.fromkeys(key for row in rows for key in row))
    widths = {
        key: max(len(key), *(len(row.get(key, '')) for row in rows))
        for key in heads
    }
    print('  '.join(key.rjust(widths[key]) for key in heads))
    for row in rows:
        print('  '.join(row.get(k, '').rjust(widths[k]) for k in heads))


def _cell(value: Any) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)


def report_steps(
    name: str,
    args: argparse.Namespace,
    measure: Callable[[argparse.Namespace], dict[str, Any]],
    baseline: str,
    ylabel: str,
    log: bool = False,
) -> dict[str, Any]:
    """Measure, or read what ``--from`` names, and :func:`finish` it."""
    if args.source:
        record = json.loads(args.source.read_text())
    else:
        record = dict(benchmark=name, **measure(args))
    finish(record, args, baseline, ylabel, log)
    return record


def finish(
    record: dict[str, Any],
    args: argparse.Namespace,
    baseline: str,
    ylabel: str,
    log: bool = False,
) -> None:
    """Print, write and draw a record, as the command line wants it.

    Args:
        record (dict): What was measured.
        args (argparse.Namespace): The command line.
        baseline (str): The contestant that memory is compared with.
        ylabel (str): Of the milliseconds in the figure.
        log (bool): Whether their axis is logarithmic. Defaults to False.
    """
    print_table(case_rows(record, baseline))
    if args.out:
        write_json(args.out, record)
        print(f'written: {args.out}', file=sys.stderr)
    if args.plot:
        file = args.plot / f'performance_{record["benchmark"]}.svg'
        plot_cases(file, record, ylabel, log)


def start_drawing(salt: str) -> Any:
    """Return pyplot, set to draw SVG that is the same every time."""
    import matplotlib as mpl

    mpl.use('svg')
    mpl.rcParams['svg.hashsalt'] = salt
    from matplotlib import pyplot

    return pyplot


def save_figure(figure: Any, file: Path) -> None:
    """Write a figure of :func:`start_drawing`, and close it."""
    from matplotlib import pyplot

    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={'Date': None})
    pyplot.close(figure)
    print(f'written: {file}', file=sys.stderr)


def plot_cases(
    file: Path, record: dict[str, Any], ylabel: str, log: bool = False
) -> None:
    """Draw the medians over every quantity that was varied.

    Args:
        file (Path): Picture to write.
        record (dict): As written by a benchmark.
        ylabel (str): Of the milliseconds.
        log (bool): Whether their axis is logarithmic.

    Raises:
        ValueError: If nothing was varied.
    """
    plt = start_drawing(record['benchmark'])
    panels = _varied(record['cases'])
    if not panels:
        raise ValueError(
            'nothing to draw: give at least one option two values, for '
            'instance --batch-size 4 8'
        )
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(max(4, 3 * len(panels)), 2.8),
        sharey=True,
        squeeze=False,
        layout='constrained',
    )
    markers = ('o-', 's--', '^:', 'd-.')
    for axis, (quantity, entries) in zip(axes[0], panels.items(), strict=True):
        values = [entry['case'][quantity] for entry in entries]
        for name, marker in zip(entries[0]['results'], markers, strict=False):
            times = [entry['results'][name]['wall_ms'] for entry in entries]
            axis.plot(values, times, marker, label=name)
        axis.set_xticks(values)
        axis.set_xlabel(QUANTITIES[quantity])
        axis.grid(alpha=0.3)
        if log:
            axis.set_yscale('log')
        else:
            axis.set_ylim(bottom=0)
    axes[0, 0].set_ylabel(ylabel)
    axes[0, -1].legend(frameon=False, fontsize='small')
    save_figure(figure, file)


def _varied(cases: list[dict]) -> dict[str, list[dict]]:
    """Quantity -> cases along it, for those that were varied."""
    base = cases[0]['case']
    panels = {}
    for quantity in base:
        line = [
            entry
            for entry in cases
            if all(
                entry['case'][other] == value
                for other, value in base.items()
                if other != quantity
            )
        ]
        if len(line) > 1:
            line.sort(key=lambda entry: entry['case'][quantity])
            panels[quantity] = line
    return panels
