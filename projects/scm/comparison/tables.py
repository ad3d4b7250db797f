# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Tables of finished runs: means, deviations, differences with intervals."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from projects.scm.evaluation.functional import (
    DRAWS,
    LEVEL,
    Interval,
    is_trivial,
    paired_bootstrap,
)

from .hits import CHOICES
from .results import RunResult, group_results

COLUMNS = {
    'Top-1 Loc': 'scm/top1_loc',
    'Top-5 Loc': 'scm/top5_loc',
    'GT-known': 'tscam/gt_known_acc',
    'GT-known (`scm`)': 'scm/gt_known_acc',
    'MaxBoxAcc': 'wsoleval/max_box_acc',
    'MaxBoxAccV2': 'wsoleval/max_box_acc_v2',
    'Top-1 class': 'cls/top1',
    'Top-5 class': 'cls/top5',
}
"""Heads of the table, and the figures below them. GT-known is that of the
true class's map; SCM's own is of the predicted class's."""
PARTS = {'all images': None, 'reported half': True}
_WORDS = {
    'fixed': 'fixed',
    'val': 'other half',
    'labels': 'labels',
    'otsu': 'Otsu',
    'oracle': 'oracle',
}


class Cell(NamedTuple):
    """A figure of one method on one set, in percent."""

    mean: float
    deviation: float | None
    """Over seeds (n - 1); None for one seed."""
    num_seeds: int


def _rows(
    runs: Sequence[RunResult], key: str, choice: str, part: str
) -> np.ndarray | None:
    """(S, n) hits of runs, in the order of their seeds."""
    rows = [run.last.hits(key, choice) for run in runs]
    if not rows or any(row is None for row in rows):
        return None
    hits = np.stack(rows).astype(float)
    return hits if PARTS[part] is None else hits[:, runs[0].reported]


def mean_over_seeds(
    runs: Sequence[RunResult], key: str, choice: str, part: str
) -> Cell | None:
    """Mean and deviation of a figure after the last epoch.

    Args:
        runs (Sequence[RunResult]): Of one method on one set.
        key (str): The figure.
        choice (str): How thresholds are chosen.
        part (str): A name in :data:`PARTS`.

    Returns:
        Cell | None: None where it was not measured in all runs.
    """
    hits = _rows(runs, key, choice, part)
    if hits is None:
        return None
    values = hits.mean(1) * 100
    deviation = float(values.std(ddof=1)) if len(values) > 1 else None
    return Cell(float(values.mean()), deviation, len(values))


def compare_runs(
    runs: Sequence[RunResult],
    others: Sequence[RunResult],
    key: str,
    choice: str,
    part: str,
    draws: int = DRAWS,
) -> Interval | None:
    """Difference of two methods on one set, over the seeds that both have.

    Args:
        runs (Sequence[RunResult]): Of the first method.
        others (Sequence[RunResult]): Of the second.
        key (str): The figure.
        choice (str): How thresholds are chosen.
        part (str): A name in :data:`PARTS`.
        draws (int): Of the bootstrap. Defaults to
            :data:`~projects.scm.evaluation.functional.DRAWS`.

    Returns:
        Interval | None: First minus second; None without a common seed.

    Raises:
        ValueError: If they were tested on different images.
    """
    by_seed = {run.seed: run for run in others}
    pairs = [(r, by_seed[r.seed]) for r in runs if r.seed in by_seed]
    if not pairs:
        return None
    check_same_images([run for pair in pairs for run in pair])
    mine, theirs = zip(*pairs, strict=True)
    hits = _rows(mine, key, choice, part)
    other_hits = _rows(theirs, key, choice, part)
    if hits is None or other_hits is None:
        return None
    return paired_bootstrap(hits, other_hits, draws)


def check_same_images(runs: Iterable[RunResult]) -> None:
    """Refuse to compare runs on different images."""
    digests = {run.content['images']: run.where for run in runs}
    if len(digests) > 1:
        raise ValueError(
            f'tested on different images: {" and ".join(digests.values())}'
        )


def format_tables(
    results: Sequence[RunResult],
    baseline: str,
    part: str = 'all images',
    draws: int = DRAWS,
) -> str:
    """Tables in Markdown, one for each data set.

    Args:
        results (Sequence[RunResult]): Finished runs, at least one.
        baseline (str): The method that the others are compared with.
        part (str): A name in :data:`PARTS`. Defaults to ``'all images'``.
        draws (int): Of the bootstrap. Defaults to
            :data:`~projects.scm.evaluation.functional.DRAWS`.

    Returns:
        str: Several lines.
    """
    blocks = []
    for dataset, found in group_results(results, 'dataset').items():
        check_same_images(found)
        groups = group_results(found, 'method')
        for runs in groups.values():
            runs.sort(key=lambda run: run.seed)
        count = found[0].num_images
        if PARTS[part] is not None:
            count = int(found[0].reported.sum())
        blocks.append(f'**{dataset}**, {part}, {count} photographs')
        blocks.append(_table(groups, baseline, part, draws))
    blocks.append(
        f'Percent, after the last epoch: mean ± standard deviation over '
        f'seeds. Differences: {LEVEL:.0%} intervals of {draws:,} paired '
        'draws of images and seeds (percentiles); those that exclude 0 are '
        'bold. Thresholds: '
        'fixed before; best on the other half of the test set, halved by a '
        'digest of the file names; chosen on training images by labels '
        'alone; by Otsu; best on the tested images (oracle).'
    )
    return '\n\n'.join(blocks)


def _table(
    groups: dict[str, list[RunResult]], baseline: str, part: str, draws: int
) -> str:
    sizes = [run.num_classes for runs in groups.values() for run in runs]
    columns = {
        head: key
        for head, key in COLUMNS.items()
        if not all(is_trivial(key, size) for size in sizes)
    }
    keys = list(columns.values())
    rows = [['Method', 'Seeds', 'Threshold', *columns]]
    for choice in reversed(CHOICES):
        for method, runs in groups.items():
            cells = [mean_over_seeds(runs, key, choice, part) for key in keys]
            if not _is_localized(keys, cells):
                continue
            seeds = ', '.join(str(run.seed) for run in runs)
            texts = [_cell_text(cell) for cell in cells]
            rows.append([method, seeds, _WORDS[choice], *texts])
        for method, runs in groups.items():
            if method == baseline or baseline not in groups:
                continue
            found = [
                compare_runs(runs, groups[baseline], key, choice, part, draws)
                for key in keys
            ]
            if _is_localized(keys, found):
                pairs = next(one.num_seeds for one in found if one is not None)
                rows.append(
                    [
                        f'{method} − {baseline}',
                        f'{pairs} pairs',
                        _WORDS[choice],
                        *map(_difference_text, found),
                    ]
                )
    lines = [f'| {" | ".join(row)} |' for row in rows]
    lines.insert(1, '|' + ' --- |' * len(rows[0]))
    return '\n'.join(lines)


def _is_localized(
    keys: Sequence[str], values: Sequence[Cell | Interval | None]
) -> bool:
    """Whether there is more than the classification."""
    return any(
        value is not None and not key.startswith('cls/')
        for key, value in zip(keys, values, strict=True)
    )


def _cell_text(cell: Cell | None) -> str:
    if cell is None:
        return ''
    if cell.deviation is None:
        return f'{cell.mean:.1f}'
    return f'{cell.mean:.1f} ± {cell.deviation:.1f}'


def _difference_text(found: Interval | None) -> str:
    if found is None:
        return ''
    text = f'{found.value:+.1f} ({found.low:+.1f} … {found.high:+.1f})'
    return f'**{text}**' if found.excludes_zero else text
