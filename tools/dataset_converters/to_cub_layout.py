# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Turn a folder of class folders, with boxes or without, into CUB's layout.

Example::

    python tools/dataset_converters/to_cub_layout.py photographs data/mine \
        --coco instances.json

``photographs/<class>/…/<image>`` becomes ``data/mine``, which
``CUBLocalization`` reads. A test split is drawn from every class, or given
as a second folder. Boxes come from one of

- ``--coco FILE``: COCO's JSON. Boxes of other categories than the class of
  the image are left out, and so are crowds; both are counted.
- ``--csv FILE``: a header ``path,x0,y0,x1,y1`` or ``path,x,y,width,height``,
  then one line a box.
- ``--voc DIR``: one XML file an image, of the same name. Boxes of other
  objects than the class of the image are left out and counted.

Images are named there by their path below the folder of images, or by their
file name alone where no two are the same. Images that a camera has marked as
turned are stored upright, because the training pipeline reads pixels as they
are; boxes are taken to be those of the upright image. With a second folder
for the test split, boxes are those of its images: training needs none.

Nothing is written unless everything is right: all problems are listed first.
"""

import argparse
import os
import random
import re
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _box_sources import (
    ConversionError,
    Photograph,
    match_boxes,
    read_coco,
    read_csv,
    read_voc,
)
from _repo_path import make_importable, run

EXTENSIONS = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
ORIENTATION = 0x0112  # EXIF tag
SHOWN = 20


def find_photographs(folder: Path, test: bool = False) -> list[Photograph]:
    """List the images below a folder of class folders, sorted by path.

    Args:
        folder: The folder.
        test: Whether it holds the test split.

    Raises:
        ConversionError: If there are none, or some lie outside of a class
            folder.
    """
    if not folder.is_dir():
        raise ConversionError(f'{folder}: no such folder')
    found = []
    for file in sorted(folder.rglob('*')):
        if file.suffix.lower() in EXTENSIONS and file.is_file():
            key = file.relative_to(folder)
            found.append(
                Photograph(
                    file,
                    key.as_posix(),
                    key.parts[0],
                    test=test,
                    prefix='test__' if test else '',
                )
            )
    loose = [photo.key for photo in found if '/' not in photo.key]
    if loose:
        raise ConversionError(
            f'{folder}: expected one folder a class, with the images in it; '
            f'{len(loose)} images lie outside, for instance {loose[0]}'
        )
    if not found:
        raise ConversionError(
            f'{folder}: no image ({", ".join(EXTENSIONS)}) in a class folder'
        )
    return found


def draw_split(
    photographs: list[Photograph], fraction: float, seed: int
) -> None:
    """Put a share of every class into the test split, at random.

    Raises:
        ConversionError: If a class has fewer than two images.
    """
    by_class = defaultdict(list)
    for photo in photographs:
        by_class[photo.label].append(photo)
    for label, members in by_class.items():
        if len(members) < 2:
            raise ConversionError(
                f'class {label!r} has one image, expected at least two to '
                'draw a test split (or --test-images)'
            )
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        # The draw of a class does not depend on the other classes.
        for photo in random.Random(f'{seed} {label}').sample(members, count):
            photo.test = True


def inspect_images(photographs: list[Photograph]) -> list[str]:
    """Decode every image and note its upright size; return problems."""
    problems = []
    for photo in photographs:
        try:
            with Image.open(photo.file) as image:
                image.load()
                photo.turned = image.getexif().get(ORIENTATION, 1) != 1
                photo.size = ImageOps.exif_transpose(image).size
        except Exception as error:  # Pillow raises many kinds
            problems.append(f'{photo.file}: does not decode ({error})')
    return problems


def class_folders(labels: Iterable[str]) -> dict[str, str]:
    """Class name -> folder such as ``001.name``, in alphabetical order.

    Numbers that are there already are replaced, spaces too: other readers of
    CUB's files split lines at spaces.
    """
    folders = {}
    for number, label in enumerate(sorted(set(labels)), start=1):
        name = re.sub(r'^[0-9]+[.](?=.)', '', label)
        folders[label] = f'{number:03d}.{_no_space(name)}'
    return folders


def write_layout(
    photographs: list[Photograph],
    root: Path,
    transfer: Callable[[Path, Path], object],
) -> None:
    """Write images and annotation files into an empty folder.

    Raises:
        ConversionError: If two images would get the same name.
    """
    folders = class_folders(photo.label for photo in photographs)
    ids = {label: i for i, label in enumerate(folders, start=1)}
    lines = defaultdict(list)
    lines['classes.txt'] = [f'{ids[x]} {name}' for x, name in folders.items()]
    taken: dict[str, Path] = {}
    for index, photo in enumerate(photographs, start=1):
        inner = _no_space(photo.key.split('/', 1)[1].replace('/', '__'))
        path = f'{folders[photo.label]}/{photo.prefix}{inner}'
        if path in taken:
            raise ConversionError(
                f'{photo.file} and {taken[path]} would both become '
                f'images/{path}: rename one of them'
            )
        taken[path] = photo.file
        target = root / 'images' / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if photo.turned:
            with Image.open(photo.file) as image:
                ImageOps.exif_transpose(image).save(target, quality=95)
        else:
            transfer(photo.file.resolve(), target)
        lines['images.txt'].append(f'{index} {path}')
        lines['image_class_labels.txt'].append(f'{index} {ids[photo.label]}')
        lines['train_test_split.txt'].append(f'{index} {int(not photo.test)}')
        for x0, y0, x1, y1 in photo.boxes:
            lines['bounding_boxes.txt'].append(
                f'{index} {x0} {y0} {x1 - x0} {y1 - y0}'
            )
    for name, content in lines.items():
        text = ''.join(f'{line}\n' for line in content)
        (root / name).write_text(text, encoding='utf-8')


def convert(args: argparse.Namespace) -> str:
    """Convert a set; see the module.

    Returns:
        A summary.

    Raises:
        ConversionError: If anything is wrong. Then nothing has been written.
    """
    from projects.scm.datasets.annotations import read_cub

    if args.out.exists():
        raise ConversionError(f'{args.out}: exists already, not touched')
    photographs = find_photographs(args.images)
    annotated = photographs
    if args.test_images is None:
        draw_split(photographs, args.test_fraction, args.seed)
    else:
        annotated = tests = find_photographs(args.test_images, test=True)
        unknown = {p.label for p in tests} ^ {p.label for p in photographs}
        if unknown:
            raise ConversionError(
                f'{args.images} and {args.test_images} must have the same '
                f'classes; in one of them only: {", ".join(sorted(unknown))}'
            )
        photographs = photographs + tests

    problems = inspect_images(photographs)
    notes = []
    rows = None
    if args.coco:
        rows, crowds = read_coco(args.coco)
        notes += [f'{crowds} crowds left out'] * (crowds > 0)
    elif args.csv:
        rows = read_csv(args.csv)
    elif args.voc:
        rows = read_voc(args.voc, annotated)
    if rows is not None:
        more, others = match_boxes(annotated, rows)
        problems += more
        notes += [f'{others} boxes of other classes left out'] * (others > 0)
    if problems:
        shown = '\n  '.join(problems[:SHOWN])
        raise ConversionError(
            f'{len(problems)} problems, the first {len(problems[:SHOWN])} '
            f'are\n  {shown}'
        )

    args.out.parent.mkdir(parents=True, exist_ok=True)
    building = Path(
        tempfile.mkdtemp(prefix=f'.{args.out.name}-', dir=args.out.parent)
    )
    try:
        transfer = {
            'copy': shutil.copyfile,
            'symlink': lambda source, target: target.symlink_to(source),
            'hardlink': lambda source, target: target.hardlink_to(source),
        }[args.mode]
        write_layout(photographs, building, transfer)
        for split in ('train', 'test'):
            with_boxes = rows is not None and split == 'test'
            read_cub(str(building), split, with_boxes=with_boxes)
        building.chmod(0o755)
        os.replace(building, args.out)
    except BaseException:
        shutil.rmtree(building)
        raise
    turned = sum(photo.turned for photo in photographs)
    notes += [f'{turned} images turned upright'] * (turned > 0)
    return summary(args.out, photographs, notes)


def summary(out: Path, photographs: list[Photograph], notes: list[str]) -> str:
    """Say what was written and how to use it."""
    test = sum(photo.test for photo in photographs)
    boxes = sum(len(photo.boxes) for photo in photographs)
    classes = len({photo.label for photo in photographs})
    lines = [
        f'{out}: {classes} classes, {len(photographs) - test} images to '
        f'train, {test} to test, {boxes} boxes',
        *notes,
        'In a config: dataset=dict(data_root='
        f'{str(out)!r}) in train_dataloader, val_dataloader and '
        f'test_dataloader; model=dict(head=dict(num_classes={classes}))',
    ]
    if not boxes:
        lines.append('Without boxes: with_boxes=False for the test split')
    return '\n'.join(lines)


def _no_space(text: str) -> str:
    return re.sub(r'\s+', '_', text)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'images', type=Path, help='folder with one folder a class'
    )
    parser.add_argument('out', type=Path, help='folder to make')
    boxes = parser.add_mutually_exclusive_group()
    boxes.add_argument('--coco', type=Path, help='boxes: a JSON file')
    boxes.add_argument('--csv', type=Path, help='boxes: a CSV file')
    boxes.add_argument('--voc', type=Path, help='boxes: a folder of XML files')
    parser.add_argument(
        '--test-images',
        type=Path,
        help='a second folder with one folder a class: the test split',
    )
    parser.add_argument(
        '--test-fraction',
        type=float,
        default=0.2,
        help='share of each class to test with, without --test-images; '
        'defaults to 0.2',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of that draw; defaults to 0'
    )
    parser.add_argument(
        '--mode',
        choices=['copy', 'symlink', 'hardlink'],
        default='copy',
        help='how images get there; defaults to copy',
    )
    args = parser.parse_args()
    if not 0 < args.test_fraction < 1:
        parser.error(
            f'--test-fraction: expected 0 < share < 1, got '
            f'{args.test_fraction}'
        )
    return args


def main() -> None:
    """Run the tool."""
    args = parse_args()
    make_importable()
    try:
        print(convert(args))
    except ConversionError as error:
        sys.exit(f'to_cub_layout: {error}')


if __name__ == '__main__':
    run(main)
