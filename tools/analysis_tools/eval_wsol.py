# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Score localization offline, under every protocol, of any tool's maps.

A test run of this project::

    python tools/test.py configs/scm_deit-s_cub.py scm.pth --out scm.pkl
    python tools/analysis_tools/eval_wsol.py scm.pkl --json scm.json

With the differences to another run, and their intervals::

    python tools/analysis_tools/eval_wsol.py scm.pkl --compare-with tscam.pkl

Score maps of another tool, one ``.npy`` file an image, as wsolevaluation
keeps them, against boxes or the masks of OpenImages::

    python tools/analysis_tools/eval_wsol.py scoremaps \
        --metadata metadata/CUB/test --split test --plot curves --workers 4
    python tools/analysis_tools/eval_wsol.py scoremaps \
        --metadata metadata/OpenImages/test --mask-root dataset/OpenImages

Everything is checked before anything is scored.
"""

import argparse
import functools
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run

_WORK: list[Callable[[int], Any]] = []


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Score localization offline, under every protocol.'
    )
    parser.add_argument(
        'scores',
        type=Path,
        help='pickle of "tools/test.py --out" (no code in it is run), or a '
        'folder of .npy score maps, one of the true class for each image',
    )
    truth = parser.add_mutually_exclusive_group()
    truth.add_argument(
        '--metadata', type=Path, help='metadata folder of wsolevaluation'
    )
    truth.add_argument('--coco', type=Path, help='JSON file of COCO')
    truth.add_argument('--voc', type=Path, help='folder of VOC XML files')
    truth.add_argument(
        '--csv',
        type=Path,
        help='lines of path,width,height,x0,y0,x1,y1 and, if known, class',
    )
    parser.add_argument(
        '--mask-root',
        type=Path,
        help='folder of the masks that --metadata lists, as for OpenImages',
    )
    parser.add_argument(
        '--protocol',
        nargs='+',
        help='of scm, wsoleval, tscam, trilite, trilite_in1k; by default the '
        'first three',
    )
    parser.add_argument(
        '--threshold',
        help='"oracle", "otsu", a number in [0, 1] or a JSON file of '
        'thresholds chosen on another split; by default what the authors of '
        'each protocol do',
    )
    parser.add_argument(
        '--threshold-file', help='write the best thresholds of this split'
    )
    parser.add_argument(
        '--compare-with',
        type=Path,
        metavar='SCORES',
        help='another run on the same images: a second table has the '
        'differences to it, with intervals of a paired bootstrap',
    )
    parser.add_argument('--split', help='name of the split, for the table')
    parser.add_argument('--json', type=Path, help='write all figures here')
    parser.add_argument(
        '--plot', type=Path, help='draw curves into <PLOT>.png and <PLOT>.svg'
    )
    parser.add_argument('--frame-size', type=int, default=224)
    parser.add_argument('--workers', type=int, default=1, help='processes')
    args = parser.parse_args(argv)
    if args.mask_root and not args.metadata:
        parser.error('--mask-root needs --metadata')
    if args.mask_root and args.compare_with:
        parser.error('--compare-with: there are no intervals of pixels')
    if args.workers < 1 or args.frame_size < 1:
        parser.error('--workers and --frame-size must be at least 1')
    return args


def read_truths(args: argparse.Namespace) -> list[Any] | None:
    """Read and check the ground truth that the command line names."""
    import _annotation_sources as sources

    from projects.scm.datasets.annotations import Problems

    for option in ('metadata', 'coco', 'voc', 'csv'):
        path = getattr(args, option)
        if path is None:
            continue
        if not path.exists():
            raise FileNotFoundError(f'{path}: no such file or folder')
        if option != 'metadata':
            return sources.read_boxes(option, path)
        truths = sources.read_metadata(path, args.mask_root)
        sources.check_truths(truths, Problems(str(path)))
        return truths
    return None


def open_scores(args: argparse.Namespace, scores: Path) -> Any:
    """Open score maps, and check them as far as that is quick."""
    from _score_sources import MapFolder, TestRun

    truths = read_truths(args)
    if scores.is_dir():
        if truths is None:
            raise ValueError(
                f'{scores}: a folder of maps needs ground truth: '
                '--metadata, --coco, --voc or --csv'
            )
        return MapFolder(scores, truths)
    if args.mask_root:
        raise ValueError('--mask-root: masks need a folder of .npy maps')
    return TestRun(scores, truths)


def make_plan(args: argparse.Namespace, has_ranking: bool) -> Any:
    """What to compute."""
    from projects.scm.evaluation.functional import (
        DEFAULT_PROTOCOLS,
        EvaluationPlan,
        get_protocol,
        threshold_spec,
    )

    names = args.protocol or DEFAULT_PROTOCOLS
    protocols = [get_protocol(name) for name in names]
    if not has_ranking:
        # There are no predicted classes: the true class's map is all.
        reduced = [protocol.without_ranking() for protocol in protocols]
        protocols = [protocol for protocol in reduced if protocol.measures]
        if not protocols:
            raise ValueError(
                f'--protocol {" ".join(args.protocol)}: needs predicted '
                'classes, which a folder of maps does not have'
            )
    return EvaluationPlan.build(
        protocols, threshold_spec(args.threshold), frame_size=args.frame_size
    )


def _start_worker(function: Callable[[int], Any]) -> None:
    import cv2

    cv2.setNumThreads(0)
    _WORK[:] = [function]


def _work(index: int) -> Any:
    return _WORK[0](index)


def for_all(
    function: Callable[[int], Any], count: int, workers: int, title: str
) -> Iterator[Any]:
    """Results of 0 … count - 1 in order, from one or several processes."""
    from rich.console import Console

    from projects.scm.utils.progress import track

    bar = functools.partial(
        track, description=title, total=count, console=Console(stderr=True)
    )
    if workers == 1:
        yield from bar(map(function, range(count)))
        return
    # Forked workers share what is in memory; others are sent it once.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context(
        'fork' if 'fork' in methods else None
    )
    with context.Pool(workers, _start_worker, (function,)) as pool:
        yield from bar(pool.imap(_work, range(count), chunksize=8))


def score_boxes(args: argparse.Namespace, source: Any) -> dict[str, Any]:
    """Score against boxes, print a table, return all figures."""
    from projects.scm.evaluation.functional import (
        format_differences,
        format_table,
        pair_records,
        save_thresholds,
        summarize,
    )

    plan = make_plan(args, source.has_ranking)
    for choice in plan.choices:
        choice.check_split(args.split)

    def score(source: Any) -> list[Any]:
        scored = functools.partial(source.score, plan)
        return list(for_all(scored, len(source), args.workers, 'scoring'))

    other = args.compare_with and open_scores(args, args.compare_with)
    if other and other.has_ranking != source.has_ranking:
        raise ValueError(
            f'--compare-with {args.compare_with}: expected what {args.scores} '
            'is, a file of a test run or a folder of maps'
        )
    for maps in filter(None, (source, other)):
        check_all(args, maps)
    records = score(source)
    summaries = summarize(plan, records)
    print(format_table(summaries, args.split))
    content = {'protocols': [summary.to_dict() for summary in summaries]}
    if other:
        where = str(args.compare_with)
        others = summarize(plan, pair_records(records, score(other), where))
        name = args.compare_with.stem
        print(f'\n{format_differences(summaries, others, name)}')
        content['differences'] = {
            'to': where,
            'intervals': {
                mine.protocol.name: {
                    key: [lead.value, lead.low, lead.high]
                    for key, lead in mine.leads(their).items()
                }
                for mine, their in zip(summaries, others, strict=True)
            },
        }
    if args.threshold_file:
        save_thresholds(
            args.threshold_file,
            {s.protocol.name: s.thresholds() for s in summaries},
            split=args.split,
            num_images=len(records),
        )
    return content


def score_masks(args: argparse.Namespace, source: Any) -> dict[str, Any]:
    """Score against masks, print the figures, return them with curves."""
    import numpy as np

    from projects.scm.evaluation.functional import format_table, pixel_figures

    if args.protocol or args.threshold or args.threshold_file:
        raise ValueError(
            '--mask-root: pixel-wise figures are over all thresholds: '
            '--protocol, --threshold and --threshold-file do not apply'
        )
    check_all(args, source)
    frame = (args.frame_size, args.frame_size)
    # Summed as they come, so that memory does not grow with the images.
    counted = for_all(
        functools.partial(source.score_pixels, frame),
        len(source),
        args.workers,
        'scoring',
    )
    total = sum(counts.astype(np.int64) for counts in counted)
    figures = pixel_figures(total, len(source))
    print(format_table([], args.split, figures))
    return {'masks': figures.to_dict()}


def check_all(args: argparse.Namespace, source: Any) -> None:
    """Look at every map once, so that errors come before long work."""
    for _ in for_all(source.check, len(source), args.workers, 'checking'):
        pass


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    make_importable()
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import projects.scm.register  # noqa: F401

    try:
        source = open_scores(args, args.scores)
        score = score_masks if args.mask_root else score_boxes
        content = {
            'scores': str(args.scores),
            'split': args.split,
            'num_images': len(source),
            **score(args, source),
        }
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from error
    if args.json:
        from projects.scm.utils import write_json

        write_json(args.json, content)
    if args.plot:
        from _curves import draw_curves

        draw_curves(content, args.plot)


if __name__ == '__main__':
    run(main)
