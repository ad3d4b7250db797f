# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Time ``tools/localize.py`` against that of an earlier checkout.

Example::

    git worktree add --detach ../before 6ea9120
    python tools/benchmarks/localizing.py data/imagewoof --before ../before \
        --model configs/scm_deit-s_in1k.py --images 500 1 --enlarged 4

Photographs of the folder, spread over it, are enlarged (four times an image of
320×430 pixels are two megapixels) and encoded again, into a temporary folder.
Contestants are the earlier checkout and this one, with every backend that is
named; whole processes take turns. A run with one photograph is the time to the
first boxes. The boxes of all are compared with those of the earlier checkout.
Without ``--checkpoint`` the weights are random, the same for all.

Commit 6ea9120 does not import beside transformers 5: use an environment
without it.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import arguments
from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments.parser_of_commands(__doc__, images=500)
    parser.add_argument('photographs', type=Path, help='folder')
    parser.add_argument(
        '--before', type=Path, required=True, help='the earlier checkout'
    )
    parser.add_argument(
        '--model',
        type=Path,
        required=True,
        help='config, that of each checkout where the path is relative',
    )
    parser.add_argument('--checkpoint', type=Path, help='else random weights')
    parser.add_argument('--enlarged', type=float, default=1, metavar='FACTOR')
    parser.add_argument(
        '--backends',
        nargs='+',
        default=['torch', 'onnxruntime'],
        help="of this checkout; 'onnxruntime int8' is one, too",
    )
    return parser.parse_args()


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

make_importable()

import commands  # noqa: E402
import numpy as np  # noqa: E402
import reporting  # noqa: E402
from decoders import read_photographs  # noqa: E402
from measuring import REPO, describe_machine  # noqa: E402

from projects.scm.structures import iou_inclusive  # noqa: E402

BEFORE = 'before'


class Agreement:
    """Pictures with the same boxes, and the worst overlap of the others."""

    def __init__(self) -> None:
        self.pictures = self.same = 0
        self.worst = 1.0

    def add(self, expected: np.ndarray, found: np.ndarray) -> None:
        """Compare the boxes of a picture, (m, 4) and (n, 4), in pixels."""
        expected, found = (np.asarray(b, float) for b in (expected, found))
        self.pictures += 1
        if expected.shape == found.shape and np.allclose(
            expected, found, atol=0.01
        ):
            self.same += 1
        elif len(expected) and len(found):
            ious = iou_inclusive(found, expected)
            # Boxes that only one of the two has count as well.
            worst = min(ious.max(0).min(), ious.max(1).min())
            self.worst = min(self.worst, float(worst))
        else:
            self.worst = 0.0

    def figures(self) -> dict[str, float]:
        """Percent of the pictures, and IoU."""
        return dict(
            same_boxes_percent=round(100 * self.same / self.pictures, 2),
            worst_iou=round(self.worst, 4),
        )


def read_boxes(folder: Path) -> dict[str, np.ndarray]:
    """Boxes of a ``results.json``, xyxy, by name of the picture."""
    content = json.loads((folder / 'results.json').read_text())
    names = {i['id']: Path(i['file_name']).name for i in content['images']}
    boxes: dict[str, list] = {name: [] for name in names.values()}
    for found in content['annotations']:
        x, y, w, h = found['bbox']
        boxes[names[found['image_id']]].append([x, y, x + w, y + h])
    return {n: np.array(b).reshape(-1, 4) for n, b in boxes.items()}


def make_command(
    name: str, inputs: Path, out: Path, args: argparse.Namespace
) -> commands.Command:
    """``localize`` of one contestant."""
    words = [
        *('tools/localize.py', inputs, '--no-pictures', '--out', out),
        *('--model', args.model),  # of the checkout that runs
        *('--checkpoint', args.checkpoint.resolve()),
    ]
    if name == BEFORE:
        return commands.Command(words, args.before.resolve())
    backend, _, int8 = name.partition(' ')
    options = ['--backend', backend, *(['--int8'] if int8 else [])]
    return commands.Command([*words, '--overwrite', *options], REPO)


def measure(args: argparse.Namespace, folder: Path) -> list[dict]:
    """Run all contestants on as many pictures as asked for."""
    cases = []
    if args.checkpoint is None:
        from models import save_random_weights

        args.checkpoint = folder / 'random.pth'
        save_random_weights(args.model, args.checkpoint)
    for count in args.images:
        inputs = folder / f'{count}_pictures'
        inputs.mkdir()
        contents = read_photographs(args.photographs, count, args.enlarged, 92)
        for number, content in enumerate(contents):
            (inputs / f'{number:04d}.jpg').write_bytes(content)
        outs = {
            name: folder / f'{count}_{name}'
            for name in (BEFORE, *args.backends)
        }
        runs = {n: make_command(n, inputs, o, args) for n, o in outs.items()}
        results = commands.run_in_turns(
            runs, args.repeats, BEFORE, args.warmup
        )
        expected = read_boxes(outs[BEFORE])
        for name in args.backends:
            found = read_boxes(outs[name])
            agreement = Agreement()
            for picture, boxes in expected.items():
                agreement.add(boxes, found[picture])
            results[name].update(agreement.figures())
        cases.append(dict(case=dict(images=count), results=results))
    return cases


def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    record = dict(
        benchmark='localizing',
        options=dict(
            repeats=args.repeats, warmup=args.warmup, enlarged=args.enlarged
        ),
        model=args.model.name,
        weights='given' if args.checkpoint else 'random',
        machine=describe_machine('cpu'),
    )
    with tempfile.TemporaryDirectory() as folder:
        record['cases'] = measure(args, Path(folder))
    reporting.finish(record, args, BEFORE, 'ms a command')


if __name__ == '__main__':
    run(main)
