# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Compose the demonstration dataset, in the layout of CUB-200-2011.

Six classes of objects cut out of real photographs, at random place and size
on cluttered backgrounds. No photograph serves both training and test.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--out', type=Path, required=True, help='the folder to make'
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='what the images depend on'
    )
    parser.add_argument(
        '--train', type=int, default=800, help='training images of each class'
    )
    parser.add_argument(
        '--test', type=int, default=150, help='test images of each class'
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace a demonstration dataset that is there already',
    )
    args = parser.parse_args(argv)
    for name in ('seed', 'train', 'test'):
        least = 0 if name == 'seed' else 1
        if getattr(args, name) < least:
            parser.error(f'--{name} must be at least {least}')
    return args


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from composing import CLASS_HUES, SIDE, compose  # noqa: E402
from photographs import SPLITS, load_photographs  # noqa: E402

# Rises whenever the images of a seed change.
VERSION = 1
RECORD = 'demo.json'
JPEG = [
    cv2.IMWRITE_JPEG_QUALITY,
    92,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    out = args.out.absolute()
    counts = dict(train=args.train, test=args.test)
    record = dict(version=VERSION, seed=args.seed, **counts)
    present = read_record(out)
    if present == record:
        print(f'{out} is there already')
        return
    if out.exists() and present is None:
        sys.exit(f'{out} exists and is no demonstration dataset: not touched')
    if present is not None and not args.overwrite:
        sys.exit(
            f'{out} was made with {present}, not with {record}: choose '
            'another --out, or give --overwrite'
        )

    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside the goal, so that renaming stays within one file system.
    building = tempfile.mkdtemp(prefix=f'.{out.name}-', dir=out.parent)
    try:
        folder = Path(building, out.name)
        folder.mkdir()
        draw(folder, args.seed, counts)
        (folder / RECORD).write_text(json.dumps(record) + '\n')
        if out.exists():
            out.rename(Path(building, 'old'))
        folder.rename(out)
    finally:
        shutil.rmtree(building)
    print(f'{sum(counts.values()) * len(CLASS_HUES)} images in {out}')


def read_record(folder: Path) -> dict | None:
    """What a dataset was made with; None if it is none of this tool's."""
    try:
        return json.loads((folder / RECORD).read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None


def draw(folder: Path, seed: int, counts: dict[str, int]) -> None:
    """Compose all images and write them with the files that list them.

    Args:
        folder (Path): An empty folder.
        seed (int): Same seed, same images.
        counts (dict[str, int]): Images of each class in a split.
    """
    names = list(CLASS_HUES)
    photos = {split: load_photographs(split, names) for split in SPLITS}
    folders = [f'{i:03d}.{name}' for i, name in enumerate(names, 1)]
    for name in folders:
        (folder / 'images' / name).mkdir(parents=True)
    jobs = [
        (label, split, index)
        for label in range(len(names))
        for split in SPLITS
        for index in range(counts[split])
    ]
    lines = {
        name: []
        for name in (
            'images',
            'image_class_labels',
            'train_test_split',
            'bounding_boxes',
        )
    }
    make_importable()
    from projects.scm.utils.progress import track

    for label, split, index in track(jobs, f'Composing {SIDE}x{SIDE} images'):
        is_train = split == 'train'
        # Of its own for each image: one more image changes no other.
        rng = np.random.default_rng([seed, label, is_train, index])
        image, (x0, y0, x1, y1) = compose(label, photos[split], rng)
        path = f'{folders[label]}/{names[label]}_{split}_{index:04d}.jpg'
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if not cv2.imwrite(str(folder / 'images' / path), bgr, JPEG):
            raise OSError(f'cannot write {folder / "images" / path}')
        lines['images'].append(path)
        lines['image_class_labels'].append(label + 1)
        lines['train_test_split'].append(int(is_train))
        lines['bounding_boxes'].append(
            f'{x0}.0 {y0}.0 {x1 - x0}.0 {y1 - y0}.0'
        )
    lines['classes'] = folders
    for name, values in lines.items():
        text = ''.join(f'{i} {value}\n' for i, value in enumerate(values, 1))
        (folder / f'{name}.txt').write_text(text)


if __name__ == '__main__':
    run(main)
