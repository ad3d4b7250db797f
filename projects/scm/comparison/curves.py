# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Figures over the epochs of a training, as SVG."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from projects.scm.utils import write_file

from .results import RunResult, group_results
from .tables import COLUMNS

PANELS = {
    'GT-known, oracle': (COLUMNS['GT-known'], 'oracle'),
    'GT-known, Otsu': (COLUMNS['GT-known'], 'otsu'),
    'Top-1 Loc, oracle': (COLUMNS['Top-1 Loc'], 'oracle'),
    'Top-1 class': (COLUMNS['Top-1 class'], ''),
}


def epoch_curves(
    results: Sequence[RunResult], key: str, choice: str
) -> Mapping[str, list[tuple[int, float]]]:
    """Mean over seeds after each tested epoch.

    Args:
        results (Sequence[RunResult]): Of one data set.
        key (str): The figure.
        choice (str): How thresholds are chosen.

    Returns:
        Mapping[str, list[tuple[int, float]]]: By method, epochs that were
        tested with all of its seeds, and percent.
    """
    curves: dict[str, list[tuple[int, float]]] = {}
    for method, runs in group_results(results, 'method').items():
        by_epoch: dict[int, list[float]] = {}
        for run in runs:
            for epoch in run.epochs:
                hits = epoch.hits(key, choice)
                if hits is not None:
                    by_epoch.setdefault(epoch.epoch, []).append(
                        float(hits.mean() * 100)
                    )
        curves[method] = [
            (epoch, float(np.mean(values)))
            for epoch, values in sorted(by_epoch.items())
            if len(values) == len(runs)
        ]
    return curves


def draw_curves(results: Sequence[RunResult], path: str | Path) -> None:
    """Draw the figures of all data sets over epochs.

    Args:
        results (Sequence[RunResult]): Finished runs, at least one.
        path (str | Path): The SVG file.
    """
    import matplotlib as mpl

    mpl.use('svg')
    mpl.rcParams['svg.hashsalt'] = 'comparison'
    from matplotlib import pyplot

    datasets = group_results(results, 'dataset')
    figure, axes = pyplot.subplots(
        len(datasets),
        len(PANELS),
        figsize=(3.2 * len(PANELS), 2.8 * len(datasets)),
        squeeze=False,
        layout='constrained',
    )
    for row, (dataset, runs) in zip(axes, datasets.items(), strict=True):
        for axis, (title, (key, choice)) in zip(
            row, PANELS.items(), strict=True
        ):
            for method, points in epoch_curves(runs, key, choice).items():
                axis.plot(
                    [epoch for epoch, _ in points],
                    [percent for _, percent in points],
                    'o-',
                    label=method,
                )
            axis.set(title=f'{dataset}: {title}', xlabel='epoch')
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.grid(alpha=0.3)
    axes[0][0].set_ylabel('percent')
    axes[0][0].legend(fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='svg', metadata={'Date': None})
    pyplot.close(figure)
    write_file(path, buffer.getvalue())
