# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Time the evaluation of a whole split against that of an earlier checkout.

Example::

    git worktree add --detach ../before 6ea9120
    python tools/benchmarks/split_evaluation.py --before ../before

From score maps to records under the three default protocols, and from records
to the summary. The records of ``--images`` drawn images are made, the summary
is that of ``--split`` records, which repeat them; the time of the split is
that of the records, scaled, and that of the summary. Each checkout works in
processes of its own, in turns; what is told is processor time of one thread,
without imports and compiling.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run

make_importable()

from measuring import REPO, describe_machine  # noqa: E402

from projects.scm.utils import write_json  # noqa: E402

# The same for both checkouts: what they share is this interface.
WORK = """
import json, sys, time
import cv2
import numpy as np
from projects.scm.evaluation.functional import (
    EvaluationPlan, record_image, summarize)

number, split = map(int, sys.argv[1:])
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
start = time.process_time()
records = [record_image(plan, **image) for image in images]
middle = time.process_time()
found = summarize(plan, (records * (split // number + 1))[:split])
end = time.process_time()
print(json.dumps(dict(
    records=middle - start, summary=end - middle,
    figures=[s.metrics() for s in found])))
"""


def evaluate(checkout: Path, images: int, split: int) -> dict:
    """Run the work in a process of a checkout."""
    words = [sys.executable, '-c', WORK, str(images), str(split)]
    done = subprocess.run(
        words,
        cwd=checkout,
        env={**os.environ, 'PYTHONPATH': str(checkout)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--before', type=Path, required=True)
    parser.add_argument('--images', type=int, default=200)
    parser.add_argument('--split', type=int, default=50_000)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args()
    checkouts = {'before': args.before.resolve(), 'here': REPO}
    rounds = {name: [] for name in checkouts}
    for _ in range(args.repeats):
        for name, checkout in checkouts.items():
            found = evaluate(checkout, args.images, args.split)
            found['split'] = found['summary'] + found['records'] * (
                args.split / args.images
            )
            rounds[name].append(found)
    if rounds['before'][0]['figures'] != rounds['here'][0]['figures']:
        raise SystemExit('the two checkouts differ in their figures')
    record = dict(
        benchmark='split_evaluation',
        options=dict(
            images=args.images, split=args.split, repeats=args.repeats
        ),
        machine=describe_machine('cpu'),
        results={},
    )
    for part in ('records', 'summary', 'split'):
        before, here = ([r[part] for r in rounds[n]] for n in checkouts)
        record['results'][part] = dict(
            before_s=round(median(before), 3),
            here_s=round(median(here), 3),
            ratio=round(
                median(b / h for b, h in zip(before, here, strict=True)), 2
            ),
        )
        print(part, record['results'][part])
    if args.out:
        write_json(args.out, record)


if __name__ == '__main__':
    run(main)
