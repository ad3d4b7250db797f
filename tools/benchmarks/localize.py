# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Time ``tools/localize.py`` against that of an earlier checkout.

Example::

    git worktree add --detach ../before 6ea9120
    python tools/benchmarks/localize.py data/imagewoof --before ../before \
        --model configs/scm_deit-s_in1k.py --images 500 --out localize.json

Photographs of the folder, spread over it, are enlarged to two megapixels and
encoded again, into a temporary folder. Contestants are the earlier checkout
and this one, with every backend that is named; whole processes take turns. A
run with one photograph tells what a command costs before the first boxes. The
boxes of all are compared with those of the earlier checkout. Without
``--checkpoint`` the weights are random, the same for all.
"""

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run

make_importable()

import commands  # noqa: E402
import numpy as np  # noqa: E402
from measuring import REPO, describe_machine  # noqa: E402
from PIL import Image  # noqa: E402

from projects.scm.utils import prepare_environment, write_json  # noqa: E402

BEFORE = 'before'
PIXELS = 2_000_000
SUFFIXES = ('.jpg', '.jpeg', '.png')


def enlarge(folder: Path, count: int, target: Path) -> list[Path]:
    """Write photographs of two megapixels.

    Args:
        folder (Path): With photographs at any depth.
        count (int): How many, evenly spread over the sorted names.
        target (Path): Folder to write to.

    Returns:
        list[Path]: What was written.

    Raises:
        SystemExit: If there are not that many.
    """
    files = sorted(
        f for f in folder.rglob('*') if f.suffix.lower() in SUFFIXES
    )
    if len(files) < count:
        raise SystemExit(f'{folder}: {len(files)} photographs, not {count}')
    written = []
    for number, index in enumerate(np.linspace(0, len(files) - 1, count)):
        with Image.open(files[int(index)]) as image:
            scale = math.sqrt(PIXELS / (image.width * image.height))
            size = [round(side * scale) for side in image.size]
            large = image.convert('RGB').resize(size, Image.LANCZOS)
        written.append(target / f'{number:04d}.jpg')
        large.save(written[-1], quality=90)
    return written


def save_random_weights(model: str, file: Path) -> None:
    """Write a checkpoint of a model as it is before training."""
    prepare_environment()
    import torch
    from mmpretrain.apis import get_model

    import projects.scm.register  # noqa: F401

    torch.manual_seed(0)
    weights = get_model(model, pretrained=False).state_dict()
    torch.save({'state_dict': weights}, file)


def read_boxes(folder: Path) -> dict[str, np.ndarray]:
    """Boxes of a ``results.json``, xyxy, by name of the picture."""
    content = json.loads((folder / 'results.json').read_text())
    names = {i['id']: Path(i['file_name']).name for i in content['images']}
    boxes: dict[str, list] = {name: [] for name in names.values()}
    for found in content['annotations']:
        x, y, w, h = found['bbox']
        boxes[names[found['image_id']]].append([x, y, x + w, y + h])
    return {n: np.array(b).reshape(-1, 4) for n, b in boxes.items()}


def compare_boxes(
    expected: dict[str, np.ndarray], found: dict[str, np.ndarray]
) -> dict[str, float]:
    """How many pictures have the same boxes, and the worst overlap."""
    from projects.scm.structures import iou_inclusive

    same, worst = 0, 1.0
    for name, boxes in expected.items():
        own = found[name]
        if own.shape == boxes.shape and np.allclose(own, boxes, atol=0.01):
            same += 1
        elif len(own) and len(boxes):
            overlaps = iou_inclusive(own, boxes)
            worst = min(worst, float(overlaps.max(1).min()))
        else:
            worst = 0.0
    return dict(
        same_percent=round(100 * same / len(expected), 2),
        worst_iou=round(worst, 4),
    )


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run all contestants on all pictures, and on one."""
    pictures = folder / 'pictures'
    pictures.mkdir()
    files = enlarge(args.photographs, args.images, pictures)
    checkpoint = args.checkpoint
    if checkpoint is None:
        checkpoint = folder / 'random.pth'
        save_random_weights(args.model, checkpoint)
    record = dict(
        benchmark='localize',
        options=dict(images=args.images, repeats=args.repeats),
        model=Path(args.model).name,
        weights='random' if args.checkpoint is None else 'trained',
        machine=describe_machine('cpu'),
        cases=[],
    )

    def command(name: str, inputs: Path) -> commands.Command:
        words = [
            'tools/localize.py',
            inputs,
            *('--model', Path(args.model).resolve()),
            *('--checkpoint', Path(checkpoint).resolve()),
            *('--out', folder / f'{inputs.stem}_{name}'),
            '--no-pictures',
        ]
        if name == BEFORE:
            return commands.Command(words, args.before.resolve())
        backend, _, int8 = name.partition(' ')
        options = ['--backend', backend, *(['--int8'] if int8 else [])]
        return commands.Command([*words, '--overwrite', *options], REPO)

    for inputs in (pictures, files[0]):
        runs = {n: command(n, inputs) for n in (BEFORE, *args.backends)}
        results = commands.run_in_turns(runs, args.repeats, BEFORE)
        expected = read_boxes(folder / f'{inputs.stem}_{BEFORE}')
        for name in args.backends:
            found = read_boxes(folder / f'{inputs.stem}_{name}')
            results[name].update(compare_boxes(expected, found))
        count = args.images if inputs is pictures else 1
        record['cases'].append(dict(images=count, results=results))
    return record


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('photographs', type=Path, help='folder')
    parser.add_argument(
        '--before', type=Path, required=True, help='the earlier checkout'
    )
    parser.add_argument('--model', required=True, help='config')
    parser.add_argument('--checkpoint', type=Path, help='else random weights')
    parser.add_argument('--images', type=int, default=500)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument(
        '--backends',
        nargs='+',
        default=['torch', 'onnxruntime'],
        help="of this checkout; 'onnxruntime int8' is one, too",
    )
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        record = measure(args, Path(folder))
    for case in record['cases']:
        print(case['images'], 'images')
        for name, result in case['results'].items():
            print(f'  {name}: {result}')
    if args.out:
        write_json(args.out, record)


if __name__ == '__main__':
    run(main)
