# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Damage annotation files at random and read them.

Example::

    python tools/benchmarks/fuzz_readers.py --number 5000

Every reading must end in a result, or in an error of ours that names the
file, in a message of at most ten problems. Anything else is printed, and the
tool exits with 1.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable

JSON = (
    b'{"images": [{"id": 1, "file_name": "a/1.jpg", "width": 40, "height": '
    b'30}], "categories": [{"id": 1, "name": "fish"}], "annotations": [{"id":'
    b' 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10.5, 12], '
    b'"iscrowd": 0}]}'
)
XML = (
    b'<annotation><size><width>40</width><height>30</height></size><object>'
    b'<name>fish</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>20</xmax>'
    b'<ymax>9</ymax></bndbox></object></annotation>'
)
SEEDS = {
    'coco': {'a.json': JSON},
    'voc': {'a.xml': XML},
    'csv': {
        'a.csv': b'path,width,height,x0,y0,x1,y1,class\na,40,30,1,2,9,9,x'
    },
    'class names': {'classes.txt': b'1 001.a\n2 002.b c\n3 003.d\n'},
    'list': {'list.txt': b'a/1.jpg 0 1 2 3 4\nb/2.jpg 1 5 6 7 8 1 2 3 4\n'},
    'cub': {
        'images.txt': b'1 a/1.jpg\n2 b/2.jpg\n',
        'image_class_labels.txt': b'1 1\n2 2\n',
        'train_test_split.txt': b'1 0\n2 0\n',
        'bounding_boxes.txt': b'1 1.0 2.0 30.0 40.0\n2 5 6 7 8\n',
    },
    'wsolevaluation': {
        'image_ids.txt': b'a/1.jpg\nb/2.jpg\n',
        'class_labels.txt': b'a/1.jpg,0\nb/2.jpg,1\n',
        'image_sizes.txt': b'a/1.jpg,40,30\nb/2.jpg,50,60\n',
        'localization.txt': b'a/1.jpg,1,2,30,20\nb/2.jpg,5,6,7,8\n',
    },
}
TOKENS = (b'nan', b'inf', b'-1', b'0', b'1_0', b'1e999', b'"', b'\x00')
TOKENS += (
    b'[',
    b'{',
    b',',
    b'\n',
    b' ',
    b'\xff',
    b'null',
    b'true',
    b'<',
    b'9',
)
TOKENS += (b'9' * 5000, b'[' * 5000, 'ä１'.encode(), b'../', b'..\\', b'\r')


def damage(content: bytes, rng: random.Random) -> bytes:
    """Change some bytes, or cut, repeat and insert pieces."""
    for _ in range(rng.randint(1, 4)):
        place = rng.randint(0, len(content))
        end = min(len(content), place + rng.randint(0, 12))
        kind = rng.randrange(5)
        if kind == 0:
            content = content[:place] + content[end:]
        elif kind == 1:
            content = content[:place] + rng.choice(TOKENS) + content[place:]
        elif kind == 2:
            content = content[:place] + rng.choice(TOKENS) + content[end:]
        elif kind == 3:
            content = content[:end] + content[place:]
        else:
            content = content[:place] + rng.randbytes(1) + content[place + 1 :]
    return content


def readers() -> dict[str, Callable[[Path], object]]:
    """Reader of each seed, given the folder of its files."""
    from projects.scm.datasets import annotations as a

    def check(found: a.BoxFile) -> object:
        found.problems.check(found.notes)
        return found

    return {
        'coco': lambda p: check(a.read_coco(p / 'a.json')),
        'voc': lambda p: check(a.read_voc_folder(p)),
        'csv': lambda p: check(a.read_csv_boxes(p / 'a.csv')),
        'class names': lambda p: a.read_class_names(p / 'classes.txt'),
        'list': lambda p: a.read_image_list(
            str(p / 'list.txt'), with_boxes=True
        ),
        'cub': lambda p: a.read_cub(str(p), 'test', with_boxes=True),
        'wsolevaluation': lambda p: a.read_wsoleval(str(p), with_boxes=True),
    }


def fuzz(number: int, seed: int) -> tuple[Counter, list[str], float]:
    """Read damaged files.

    Returns:
        Outcomes by reader, what should not be, and the longest time in
        seconds.
    """
    outcomes: Counter = Counter()
    wrong, longest = [], 0.0
    rng = random.Random(seed)
    reading = readers()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        for index in range(number):
            name = list(SEEDS)[index % len(SEEDS)]
            for file in folder.iterdir():
                file.unlink()
            victim = rng.choice(list(SEEDS[name]))
            for file, content in SEEDS[name].items():
                if file == victim:
                    content = damage(content, rng)
                (folder / file).write_bytes(content)
            start = time.perf_counter()
            try:
                reading[name](folder)
                outcome = 'read'
            except (ValueError, FileNotFoundError) as error:
                outcome = 'refused'
                text = str(error)
                ours = root in text and len(text) < 20_000
                if not ours or len(text.splitlines()) > 20:
                    outcome = 'wrong'
                    wrong.append(f'{name}, {index}: message {text[:300]!r}')
            except Exception as error:
                outcome = 'wrong'
                wrong.append(f'{name}, {index}: {error!r:.300}')
            longest = max(longest, time.perf_counter() - start)
            outcomes[name, outcome] += 1
    return outcomes, wrong, longest


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--number', type=int, default=5000)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    make_importable()
    outcomes, wrong, longest = fuzz(args.number, args.seed)
    for name in SEEDS:
        counts = [outcomes[name, k] for k in ('read', 'refused', 'wrong')]
        print(
            f'{name:15} read {counts[0]:5} refused {counts[1]:5} '
            f'wrong {counts[2]:5}'
        )
    print(f'longest reading {longest:.3f} s')
    if wrong:
        sys.exit('\n'.join(wrong[:20]))


if __name__ == '__main__':
    main()
