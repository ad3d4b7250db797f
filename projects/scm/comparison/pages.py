# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pages of the photographs on which methods disagree."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.logging import MMLogger

from projects.scm.reporting import build_report

from .results import RunResult, group_results


def write_pages(
    results: Sequence[RunResult], work_dir: str | Path, out: str | Path
) -> list[Path]:
    """Write a page for each data set: all methods, the first common seed.

    The page's filter "only where the runs differ" is what it is for; the
    name of the file with ``#differ=1`` opens it so.

    Args:
        results (Sequence[RunResult]): Finished runs.
        work_dir (str | Path): With the folders of the trainings. A set whose
            predictions are not there any more is left out, and told of.
        out (str | Path): Folder of the pages.

    Returns:
        list[Path]: The pages.
    """
    pages = []
    for dataset, runs in group_results(results, 'dataset').items():
        methods = {run.method for run in runs}
        common = [
            seed
            for seed in sorted({run.seed for run in runs})
            if {run.method for run in runs if run.seed == seed} == methods
        ]
        if len(methods) < 2 or not common:
            continue
        chosen = [run for run in runs if run.seed == common[0]]
        files = [
            Path(
                work_dir,
                f'{dataset}-{run.method}-seed{run.seed}',
                f'predictions_{run.last.epoch}.pkl',
            )
            for run in chosen
        ]
        missing = [str(file) for file in files if not file.is_file()]
        if missing:
            MMLogger.get_current_instance().info(
                'no page of %s: %s is not there any more', dataset, missing[0]
            )
            continue
        page = Path(out, f'{dataset}.html')
        build_report(
            files,
            page,
            names=[run.method for run in chosen],
            title=f'{dataset}, seed {common[0]}',
        )
        pages.append(page)
    return pages
