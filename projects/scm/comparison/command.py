# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What the command ``compare`` does, behind its arguments."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from projects.scm.utils import write_file

from .curves import draw_curves
from .pages import write_pages
from .results import RunResult
from .running import Runner, finished_results
from .spec import Comparison, read_comparison
from .tables import PARTS, format_tables


def compare(args: argparse.Namespace, tools: Path) -> str:
    """Run a comparison as far as it is not done, and tell of it.

    Args:
        args (argparse.Namespace): Of ``tools/compare.py``.
        tools (Path): Folder of ``train.py`` and ``test.py``; the configs lie
            beside it.

    Returns:
        str: Tables in Markdown.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If an argument, the comparison or a result is wrong, or
            there is nothing to tell of.
        RuntimeError: If a training or a test fails.
    """
    comparison = read_comparison(args.comparison)
    if args.baseline is not None:
        comparison = comparison.against(args.baseline)
    work_dir = args.work_dir or Path('work_dirs/compare', args.comparison.stem)
    results, *earlier = args.results or [work_dir / 'results']
    if args.tables:
        found = finished_results(comparison, results, *earlier)
    else:
        options = list(args.cfg_options)
        if args.weights is not None:
            options.append(
                f'model.backbone.init_cfg.checkpoint={args.weights}'
            )
        found = Runner(
            comparison,
            tools=tools,
            configs=tools.parent / 'configs',
            results=results,
            work_dir=work_dir,
            earlier=earlier,
            checkpoints=args.checkpoints,
            data_roots=parse_roots(args.data_root),
            cfg_options=options,
            processes=args.processes,
            label_thresholds=not args.no_label_thresholds,
        ).run()
    if not found:
        raise ValueError(f'{results}: no results of {args.comparison}')
    text = tell(comparison, found)
    if args.out is not None:
        write_file(args.out / 'tables.md', (text + '\n').encode())
        draw_curves(found, args.out / 'curves.svg')
        write_pages(found, work_dir, args.out)
    return text


def tell(comparison: Comparison, results: Sequence[RunResult]) -> str:
    """Everything that results say, in Markdown.

    Args:
        comparison (Comparison): What is compared.
        results (Sequence[RunResult]): Of its finished runs.

    Returns:
        str: The tables of all images and of the reported half.
    """
    number = len(comparison.runs())
    lines = [f'# {comparison.title}', f'{len(results)} of {number} runs.']
    lines += [
        format_tables(results, comparison.baseline, part) for part in PARTS
    ]
    return '\n\n'.join(lines)


def parse_roots(arguments: Sequence[str]) -> dict[str, str]:
    """Read ``SET=FOLDER``.

    Raises:
        ValueError: If an argument is not of this form.
        FileNotFoundError: If there is no such folder.
    """
    roots = {}
    for argument in arguments:
        name, equals, folder = argument.partition('=')
        if not (name and equals and folder):
            raise ValueError(
                f'--data-root: expected SET=FOLDER, got {argument!r}'
            )
        if '://' not in folder:
            if not Path(folder).is_dir():
                raise FileNotFoundError(
                    f'--data-root {name}: no folder {folder}'
                )
            folder = str(Path(folder).resolve())
        roots[name] = folder
    return roots
