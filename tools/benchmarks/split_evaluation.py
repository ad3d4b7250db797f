# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Time the evaluation of a whole split against that of an earlier checkout.

Example::

    git worktree add --detach ../before 6ea9120
    python tools/benchmarks/split_evaluation.py --before ../before \
        --images 5000 50000

From score maps to records under the three default protocols, and from records
to the summary. The records of ``--drawn`` images are made, which the summary
of ``--images`` repeats; the time of a split is that of its summary and, scaled
to it, that of the records. Each checkout works in a process of its own, in
turns, without imports and compiling, and in as many threads as it has for its
test runs. Figures have to be equal.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import arguments
from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments.parser_of_commands(__doc__, images=50_000)
    parser.add_argument(
        '--before', type=Path, required=True, help='the earlier checkout'
    )
    parser.add_argument(
        '--drawn', type=int, default=200, help='images (default: 200)'
    )
    return parser.parse_args()


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

make_importable()

import commands  # noqa: E402
import reporting  # noqa: E402
from measuring import REPO, describe_machine, summarise  # noqa: E402

BEFORE = 'before'
# The same for both checkouts: what they share is this interface.
WORK = """
import json, sys, time
import cv2
import numpy as np
from projects.scm.evaluation.functional import (
    EvaluationPlan, record_image, summarize)
try:
    from projects.scm.utils.workers import ordered_map
except ImportError:  # a checkout that evaluates one image after the other
    ordered_map = map

number, *splits = map(int, sys.argv[1:])
cv2.setNumThreads(1)
rng = np.random.default_rng(0)
y, x = np.indices((14, 14))
images = []
for n in range(number):
    maps = [
        np.exp(-((x - rng.uniform(3, 11)) ** 2) / rng.uniform(4, 30)
               - (y - rng.uniform(3, 11)) ** 2 / rng.uniform(4, 30))
        + 0.3 * rng.random((14, 14)) for _ in range(6)]
    corner = rng.integers(0, 250, (2, 2))
    images.append(dict(
        maps=np.array(maps, np.float32), map_labels=range(6), gt_label=0,
        gt_boxes=np.hstack([corner, corner + rng.integers(20, 120, (2, 2))]),
        image_size_wh=(500, 375), ranking=rng.permutation(6)[:5],
        name=str(n)))
plan = EvaluationPlan.build(['wsoleval', 'tscam', 'scm'])
summarize(plan, [record_image(plan, **image) for image in images[:2]])

def clocks():
    return time.perf_counter(), time.process_time()

begin = clocks()
records = list(ordered_map(lambda image: record_image(plan, **image), images))
spent = [b - a for a, b in zip(begin, clocks())]
found = []
for split in splits:
    whole = (records * (split // number + 1))[:split]
    begin = clocks()
    figures = [s.metrics() for s in summarize(plan, whole)]
    wall, cpu = [
        split / number * each + b - a
        for each, a, b in zip(spent, begin, clocks())]
    found.append(dict(wall=wall, cpu=cpu, figures=figures))
print(json.dumps(found))
"""


def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    words = ['-c', WORK, args.drawn, *args.images]
    runs = {
        BEFORE: commands.Command(words, args.before.resolve()),
        'here': commands.Command(words, REPO),
    }
    times = [
        {name: dict(wall=[], cpu=[]) for name in runs} for _ in args.images
    ]
    for _ in range(args.repeats):
        said = {
            name: json.loads(
                commands.run_command(command)['said'].splitlines()[-1]
            )
            for name, command in runs.items()
        }
        for place, own in enumerate(times):
            for name, found in said.items():
                if found[place]['figures'] != said[BEFORE][place]['figures']:
                    raise SystemExit('the two checkouts differ in figures')
                for kind in ('wall', 'cpu'):
                    own[name][kind].append(found[place][kind])
    record = dict(
        benchmark='split_evaluation',
        options=dict(drawn=args.drawn, repeats=args.repeats),
        machine=describe_machine('cpu'),
        cases=[
            dict(case=dict(images=n), results=summarise(own, BEFORE))
            for n, own in zip(args.images, times, strict=True)
        ],
    )
    reporting.finish(record, args, BEFORE, 'ms of evaluation', log=True)


if __name__ == '__main__':
    run(main)
