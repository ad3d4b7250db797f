# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Turn a folder of class folders, with boxes or without, into CUB's layout.

Example::

    python tools/dataset_converters/to_cub_layout.py photographs data/mine \
        --coco instances.json

``photographs/<class>/…/<image>`` becomes ``data/mine``, which
``CUBLocalization`` reads. A test split is drawn from every class, or given
as a second folder. Boxes come from one of

- ``--coco FILE``: COCO's JSON. Crowds are left out.
- ``--csv FILE``: a header ``path,x0,y0,x1,y1`` (with ``width,height`` of the
  picture, if known) or ``path,x,y,width,height``, then one line a box.
- ``--voc DIR``: one XML file an image, of the same name.

Boxes of other classes than that of the image are left out, where the file
tells classes (``object`` is any); names are compared without capitals, blanks
and numbers in front. Images are named by their path, by the end of it, or
without extension, as long as that means one image. Images that a camera has
marked as turned are stored upright, because the training pipeline reads pixels
as they are. Boxes are those of the upright image; where the file tells the
size of the picture that it is about, and that is the size before turning, or
another one by one factor, they are moved. What reaches over the edge is cut.
All of it is counted. With a second folder for the test split, boxes are those
of its images: training needs none.

Nothing is written unless everything is right: all problems are listed first.
"""

import argparse
import hashlib
import io
import os
import random
import re
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _box_sources import ConversionError, Photograph, match_boxes
from _repo_path import make_importable, run

EXTENSIONS = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
ORIENTATION = 0x0112  # EXIF tag
SPLITS = {'train', 'training', 'val', 'valid', 'validation', 'test'}


def find_photographs(
    folder: Path, notes: list[str], test: bool = False
) -> list[Photograph]:
    """List the images below a folder of class folders, sorted by path.

    Args:
        folder: The folder.
        notes: What was not taken is added.
        test: Whether it holds the test split.

    Raises:
        ConversionError: If there are none, or some lie outside of a class
            folder.
    """
    from projects.scm.utils.counting import counted

    if not folder.is_dir():
        raise ConversionError(f'{folder}: no such folder')
    found, hidden, others = [], 0, Counter()
    for file in sorted(folder.rglob('*')):
        if not file.is_file() and not file.is_symlink():
            continue
        key = file.relative_to(folder)
        if any(part.startswith('.') for part in key.parts):
            hidden += 1
        elif file.suffix.lower() not in EXTENSIONS:
            others[file.suffix or 'no extension'] += 1
        else:
            found.append(
                Photograph(
                    file,
                    key.as_posix(),
                    key.parts[0],
                    test=test,
                    prefix='test__' if test else '',
                )
            )
    if hidden:
        notes.append(f'{folder}: {counted(hidden, "hidden file")} left out')
    if others:
        kinds = ', '.join(f'{n} {kind}' for kind, n in others.most_common(10))
        notes.append(
            f'{folder}: {counted(sum(others.values()), "other file")} left '
            f'out: {kinds}; taken are {", ".join(EXTENSIONS)}'
        )
    splits = sorted({photo.label for photo in found} & SPLITS)
    if splits:
        notes.append(
            f'{folder}: the folders {", ".join(splits)} became classes; if '
            'they are splits, give one folder of classes and --test-images '
            'another'
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
    from PIL import Image, ImageOps

    from projects.scm.utils.pictures import why_undecoded

    problems = []
    for photo in photographs:
        content = b''
        try:
            content = photo.file.read_bytes()
            photo.digest = hashlib.sha256(content).digest()
            with Image.open(io.BytesIO(content)) as image:
                image.load()
                photo.orientation = image.getexif().get(ORIENTATION, 1)
                photo.size = ImageOps.exif_transpose(image).size
        except Exception as error:  # Pillow raises many kinds
            reason = why_undecoded(error, content)
            if isinstance(error, FileNotFoundError):
                reason = 'a link to a file that does not exist'
            problems.append(f'{photo.file}: does not decode ({reason})')
    return problems


def same_images(photographs: list[Photograph]) -> list[str]:
    """Say which images, byte for byte, are in both splits."""
    train = {p.digest: p for p in photographs if p.digest and not p.test}
    return [
        f'{photo.file}: the same image as {train[photo.digest].file}, which '
        'is in the training split'
        for photo in photographs
        if photo.test and photo.digest in train
    ]


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
    from PIL import Image, ImageOps

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
    from projects.scm.datasets.annotations import (
        Problems,
        read_coco,
        read_csv_boxes,
        read_cub,
        read_voc_folder,
    )
    from projects.scm.utils.counting import counted

    if args.out.exists():
        raise ConversionError(f'{args.out}: exists already, not touched')
    for folder in filter(None, (args.images, args.test_images)):
        if folder.resolve() in args.out.resolve().parents:
            raise ConversionError(
                f'{args.out}: lies inside {folder}, which is read; expected a '
                'folder beside it'
            )
    notes: list[str] = []
    photographs = find_photographs(args.images, notes)
    annotated = photographs
    if args.test_images is None:
        draw_split(photographs, args.test_fraction, args.seed)
    else:
        annotated = tests = find_photographs(
            args.test_images, notes, test=True
        )
        unknown = {p.label for p in tests} ^ {p.label for p in photographs}
        if unknown:
            raise ConversionError(
                f'{args.images} and {args.test_images} must have the same '
                f'classes; in one of them only: {", ".join(sorted(unknown))}'
            )
        photographs = photographs + tests

    problems = Problems(str(args.images))
    problems.extend(inspect_images(photographs))
    same = same_images(photographs)
    if args.test_images is None and same:
        notes.append(f'{len(same)} images are in both splits, first {same[0]}')
    else:
        problems.extend(same)
    found = None
    for path, read in (
        (args.coco, read_coco),
        (args.csv, read_csv_boxes),
        (args.voc, read_voc_folder),
    ):
        if path:
            with problems.collecting():
                found = read(path)
    if found is not None:
        match_boxes(annotated, found)
        problems.merge(found.problems)
        notes += found.notes
    problems.check(notes)

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
            with_boxes = found is not None and split == 'test'
            read_cub(str(building), split, with_boxes=with_boxes)
        building.chmod(0o755)
        os.replace(building, args.out)
    except BaseException as error:
        shutil.rmtree(building)
        if isinstance(error, OSError):
            raise ConversionError(
                f'{args.out}: cannot be written with --mode {args.mode}: '
                f'{error}'
            ) from error
        raise
    turned = sum(photo.turned for photo in photographs)
    notes += [f'{counted(turned, "image")} turned upright'] * (turned > 0)
    return summary(args.out, photographs, notes)


def summary(out: Path, photographs: list[Photograph], notes: list[str]) -> str:
    """Say what was written and how to use it."""
    from projects.scm.utils.counting import counted

    test = sum(photo.test for photo in photographs)
    boxes = sum(len(photo.boxes) for photo in photographs)
    classes = len({photo.label for photo in photographs})
    lines = [
        f'{out}: {counted(classes, "class", "classes")}, '
        f'{counted(len(photographs) - test, "image")} to train, {test} to '
        f'test, {counted(boxes, "box", "boxes")}',
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
    except (ConversionError, ValueError, OSError) as error:
        sys.exit(f'to_cub_layout: {error}')


if __name__ == '__main__':
    run(main)
