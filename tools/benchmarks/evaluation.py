# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Time the evaluation against the loops of the published protocols.

Both run side by side, one after the other on the same maps, in one process
on one core; the ratio of the medians is printed. Results are compared before
anything is timed. ``--verify N`` compares boxes on N further maps, untimed.

The loops are those of ``tests/test_evaluation``, so this runs in a checkout.
"""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import arguments

ROOT = Path(__file__).resolve().parents[2]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = arguments.parser_of(__doc__)
    parser.add_argument(
        '--maps', type=int, default=16, help='most maps of a kind to time'
    )
    parser.add_argument(
        '--images', type=int, default=24, help='images of the evaluator'
    )
    parser.add_argument(
        '--repeats', type=int, default=5, help='alternating repeats'
    )
    parser.add_argument(
        '--patience',
        type=float,
        default=20,
        help='seconds that the loop may take for one line: fewer maps are '
        'timed where it is slow, none where one map takes longer',
    )
    parser.add_argument(
        '--thresholds', type=int, nargs='+', default=[1000, 100]
    )
    parser.add_argument('--kinds', nargs='+', help='of maps; defaults to all')
    parser.add_argument(
        '--score-maps',
        type=Path,
        help='folder of .npy maps, any shape; timed and verified as "real"',
    )
    parser.add_argument(
        '--verify', type=int, default=0, help='further maps to compare on'
    )
    parser.add_argument(
        '--verify-size', type=int, default=224, help='their side in pixels'
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', type=Path, help='write the figures here')
    return parser.parse_args(argv)


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

sys.path.insert(0, str(ROOT / 'tools'))
sys.path.insert(0, str(ROOT / 'tests' / 'test_evaluation'))

import _repo_path  # noqa: E402

_repo_path.make_importable()

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from measuring import describe_machine, time_in_turns  # noqa: E402

from projects.scm.evaluation.functional import (  # noqa: E402
    EvaluationPlan,
    Measure,
    boxes_at_thresholds,
    get_protocol,
    record_image,
    summarize,
)
from projects.scm.utils import write_json  # noqa: E402

try:
    from literal_loop import loop_boxes, loop_counts
    from map_zoo import KINDS
except ModuleNotFoundError as error:
    raise SystemExit(
        f'{error}: run this in a checkout, {ROOT} has no tests'
    ) from error

SIZE = 224
IOUS = (0.3, 0.5, 0.7)
CONTOURS = ('largest', 'all')
# Thousands of contours at every threshold: they would outweigh all others.
HEAVY = ('noise', 'checkerboard', 'few_levels')


def use_one_core() -> None:
    """Stay on one core, and keep OpenCV from starting threads."""
    cv2.setNumThreads(1)
    if hasattr(os, 'sched_setaffinity'):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def check_boxes(
    kind: str, score_map: np.ndarray, thresholds: np.ndarray, contours: str
) -> None:
    """Stop unless all boxes are those of the loop, in the same order."""
    expected = loop_boxes(score_map, thresholds, contours)
    found = boxes_at_thresholds(score_map, thresholds, contours)
    for threshold, a, b in zip(thresholds, expected, found, strict=True):
        if not np.array_equal(a, b.reshape(-1, 4)):
            raise SystemExit(
                f'{kind} map, {contours}, threshold {threshold}: expected '
                f'{a.tolist()}, got {b.tolist()}'
            )


def alternate(
    slow: Callable[[], Any], fast: Callable[[], Any], repeats: int
) -> tuple[float, float]:
    """Median seconds of processor time of both, run in turn."""
    steps = {'slow': slow, 'fast': fast}
    times = time_in_turns(steps, repeats, 0, 'cpu').values()
    slow_s, fast_s = (median(own['cpu']) for own in times)
    return slow_s, fast_s


def read_maps(folder: Path, count: int) -> list[np.ndarray]:
    """Read .npy maps evenly spread over a folder, resized and normalised."""
    from projects.scm.structures import normalize_score_map, resize_score_map

    files = sorted(folder.rglob('*.npy'))
    if not files:
        raise SystemExit(f'{folder}: no .npy files')
    chosen = np.linspace(0, len(files) - 1, min(count, len(files)))
    return [
        normalize_score_map(
            resize_score_map(np.load(files[int(i)]), (SIZE, SIZE))
        )
        for i in chosen
    ]


def row(name: str, slow: float, fast: float, count: int) -> dict[str, Any]:
    """Print one line and return it."""
    slow, fast = slow / count * 1e3, fast / count * 1e3
    print(f'{name:54s} {slow:10.2f} {fast:10.3f} {slow / fast:8.1f}x')
    return {
        'name': name,
        'loop_ms': slow,
        'ours_ms': fast,
        'ratio': slow / fast,
    }


def time_boxes(
    maps: dict[str, list[np.ndarray]],
    counts: list[int],
    repeats: int,
    patience: float,
) -> list[dict[str, Any]]:
    """Compare and time box extraction, by number of thresholds and kind."""
    rows = []
    for count, contours in itertools.product(counts, CONTOURS):
        thresholds = np.arange(count) / count
        totals, summed = np.zeros(2), 0
        for kind, members in maps.items():
            name = f'{count} {contours} {kind}'
            start = time.process_time()
            loop_boxes(members[0], thresholds[:: count // 10], contours)
            guess = (time.process_time() - start) * count / 10 * (repeats + 1)
            if guess > patience:
                print(f'{name:54s} left out: the loop takes {guess:.0f} s')
                continue
            chosen = members[: max(1, int(patience / guess))]
            for score_map in chosen:
                check_boxes(kind, score_map, thresholds, contours)
            spent = alternate(
                lambda m=chosen, t=thresholds, c=contours: [
                    loop_boxes(score_map, t, c) for score_map in m
                ],
                lambda m=chosen, t=thresholds, c=contours: [
                    boxes_at_thresholds(score_map, t, c) for score_map in m
                ],
                repeats,
            )
            rows.append(row(name, *spent, len(chosen)))
            if kind not in HEAVY:
                totals += np.array(spent) / len(chosen)
                summed += 1
        if summed:
            name = f'{count} {contours} all but {", ".join(HEAVY)}'
            rows.append(row(name, *totals, summed))
    return rows


def make_images(rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    """Draw images of a true and five best classes at patch resolution."""
    images = []
    for n in range(count):
        labels = list(range(6))
        ranking = rng.permutation(labels)[:5]
        y, x = np.indices((14, 14))
        maps = [
            np.exp(
                -((x - rng.uniform(3, 11)) ** 2) / rng.uniform(4, 30)
                - (y - rng.uniform(3, 11)) ** 2 / rng.uniform(4, 30)
            )
            + 0.3 * rng.random((14, 14))
            for _ in labels
        ]
        corner = rng.integers(0, 100, (2, 2))
        boxes = np.hstack([corner, corner + rng.integers(20, 124, (2, 2))])
        images.append(
            {
                'maps': np.array(maps, np.float32),
                'map_labels': labels,
                'gt_label': 0,
                'gt_boxes': boxes,
                'gt_boxes_224': boxes,
                'image_size_wh': (SIZE, SIZE),
                'ranking': ranking,
                'name': f'image {n}',
            }
        )
    return images


def time_evaluator(
    images: list[dict[str, Any]], repeats: int
) -> dict[str, Any]:
    """Compare and time a whole evaluation: six maps, 100 thresholds."""
    measures = (
        *get_protocol('scm').measures,
        Measure('gt_map', 'gt'),
    )
    protocol = get_protocol({'type': 'scm', 'measures': measures})
    plan = EvaluationPlan.build(protocol, 'oracle', IOUS)
    names = {
        'gt_map': 'gt_map',
        'gt_known_acc': 'top1',
        'gt_known_top5_acc': 'top5',
        'top1_loc': 'top1_loc',
        'top5_loc': 'top5_loc',
    }

    def ours() -> Any:
        records = [
            record_image(
                plan,
                **{k: v for k, v in image.items() if k != 'gt_boxes_224'},
            )
            for image in images
        ]
        return summarize(plan, records)[0]

    def loop() -> Any:
        return loop_counts(images, protocol.grid, IOUS)

    figures, counts = ours().figures, loop()
    for measure in measures:
        for i, iou in enumerate(IOUS):
            expected = counts[names[measure.name]][i] * 100.0 / len(images)
            if not np.array_equal(figures[measure.key(iou)].curve, expected):
                raise SystemExit(f'{measure.key(iou)} differs from the loop')
    return row(
        'evaluator, ms per image', *alternate(loop, ours, repeats), len(images)
    )


def verify(
    rng: np.random.Generator, kinds: list[str], count: int, size: int
) -> None:
    """Compare boxes on many maps, both contour modes."""
    thresholds = np.arange(0, 1, 0.01)
    start = time.perf_counter()
    for n in range(count):
        kind = kinds[n % len(kinds)]
        score_map = KINDS[kind](rng, size)
        for contours in CONTOURS:
            check_boxes(kind, score_map, thresholds, contours)
        if n % 100 == 99 or n + 1 == count:
            spent = time.perf_counter() - start
            print(
                f'\rverified {n + 1}/{count} maps, {spent:.0f} s',
                end='',
                flush=True,
            )
    print(f': all boxes equal, {size} pixels, 100 thresholds')


def main(argv: list[str] | None = None) -> None:
    """Run the comparisons."""
    args = parse_args(argv)
    kinds = args.kinds or list(KINDS)
    if unknown := set(kinds) - set(KINDS):
        raise SystemExit(
            f'--kinds: expected some of {", ".join(KINDS)}, got '
            f'{", ".join(sorted(unknown))}'
        )
    use_one_core()
    rng = np.random.default_rng(args.seed)
    maps = {
        kind: [KINDS[kind](rng, SIZE) for _ in range(args.maps)]
        for kind in kinds
    }
    if args.score_maps:
        maps['real'] = read_maps(args.score_maps, args.maps)
    print(f'{"":54s} {"loop, ms":>10s} {"ours, ms":>10s} {"ratio":>9s}')
    rows = time_boxes(maps, args.thresholds, args.repeats, args.patience)
    rows.append(time_evaluator(make_images(rng, args.images), args.repeats))
    if args.verify:
        verify(rng, kinds, args.verify, args.verify_size)
    if args.json:
        report = {
            'machine': describe_machine('cpu'),
            'opencv': cv2.__version__,
            'numpy': np.__version__,
            'verified_maps': args.verify,
            'rows': rows,
        }
        write_json(args.json, report)


if __name__ == '__main__':
    main()
