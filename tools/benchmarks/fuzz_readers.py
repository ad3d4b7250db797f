# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Damage files at random and read them.

Example::

    python tools/benchmarks/fuzz_readers.py --number 5000
    python tools/benchmarks/fuzz_readers.py --guided 60  # pip install atheris

Every reading must end in a result, or in an error of ours that names the
file, in a message of at most ten problems, within bounds of time and memory.
Anything else is printed, and the tool exits with 1. ``--guided`` lets Atheris
change the files, led by the lines of the readers that they reach.
"""

import argparse
import faulthandler
import io
import pickle
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOOLS))

from _repo_path import make_importable  # noqa: E402

SECONDS = 10.0
"""A reading may take; after six times as many the process is ended."""
MEGABYTES = 256
"""A reading may add to the peak of the memory."""

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
TEXTS = {
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
    'thresholds': {
        'val.json': b'{"split": "val", "num_images": 3, "thresholds": '
        b'{"scm": {"top1_loc": 0.25}}}',
        'labels.json': b'{"chosen_by": "labels", "threshold": 0.3}',
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

#: Place (of 10,000), length, kind and token of one change of a file.
Edit = tuple[int, int, int, int]
PLACES, LENGTHS, KINDS = 10_000, 12, 5


def damage(content: bytes, edits: Sequence[Edit]) -> bytes:
    """Change some bytes, or cut, repeat and insert pieces."""
    for share, length, kind, choice in edits:
        place = len(content) * share // PLACES
        end = min(len(content), place + length)
        token = TOKENS[choice % len(TOKENS)]
        if kind == 0:
            content = content[:place] + content[end:]
        elif kind == 1:
            content = content[:place] + token + content[place:]
        elif kind == 2:
            content = content[:place] + token + content[end:]
        elif kind == 3:
            content = content[:end] + content[place:]
        else:
            byte = bytes([choice % 256])
            content = content[:place] + byte + content[place + 1 :]
    return content


def draw_edits(rng: random.Random) -> list[Edit]:
    """Up to four changes."""
    limits = (PLACES, LENGTHS, KINDS - 1, 255)
    return [
        tuple(rng.randint(0, limit) for limit in limits)
        for _ in range(rng.randint(1, 4))
    ]


@cache
def seeds() -> dict[str, dict[str, bytes]]:
    """Files of each reader, sound ones."""
    import numpy as np
    import torch

    def saved(**options: bool) -> bytes:
        file = io.BytesIO()
        meta = {'epoch': 3, 'classes': ['a', 'b']}
        weights = {'head.weight': torch.ones(2, 3), 'head.bias': torch.ones(2)}
        torch.save({'meta': meta, 'state_dict': weights}, file, **options)
        return file.getvalue()

    map_file = io.BytesIO()
    np.save(map_file, np.eye(5, dtype=np.float32))
    item = {
        'img_path': 'a/1.jpg',
        'ori_shape': (30, 40),
        'img_shape': (8, 8),
        'scale_factor': (0.2, 8 / 30),
        'gt_label': torch.tensor([1]),
        'pred_label': torch.tensor([0]),
        'pred_score': torch.tensor([0.7, 0.3]),
        'score_maps': np.ones((2, 4, 4), np.float32),
        'score_map_labels': np.arange(2),
        'instances': [{'bbox': [1.0, 2.0, 30.0, 20.0], 'bbox_label': 1}],
    }
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    unsigned = saved()
    torch.serialization.set_crc32_options(before)
    return {
        **TEXTS,
        'npy': {'a.npy': map_file.getvalue()},
        'predictions': {
            f'{protocol}.pkl': pickle.dumps([item], protocol)
            for protocol in (2, 4, 5)
        },
        'checkpoints': {
            'a.pth': saved(),
            'unsigned.pth': unsigned,
            'legacy.pth': saved(_use_new_zipfile_serialization=False),
        },
    }


def readers() -> dict[str, Callable[[Path], object]]:
    """Reader of each seed, given the folder of its files."""
    sys.path.insert(0, str(TOOLS / 'analysis_tools'))
    from _annotation_sources import Truth
    from _score_sources import MapFolder

    from projects.scm.datasets import annotations as a
    from projects.scm.evaluation.functional import (
        load_label_threshold,
        load_thresholds,
    )
    from projects.scm.reporting.records import load_records
    from projects.scm.utils.checkpoint_door import read_checkpoint
    from projects.scm.utils.weights import find_weights

    def check(found: a.BoxFile) -> object:
        found.problems.check(found.notes)
        return found

    def read_each(read: Callable, *patterns: str) -> Callable:
        return lambda folder: [
            read(file) for p in patterns for file in sorted(folder.glob(p))
        ]

    truth = Truth('a.jpg', size_wh=(40, 30))
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
        'thresholds': lambda p: (
            load_thresholds(p / 'val.json'),
            load_label_threshold(p / 'labels.json'),
        ),
        'npy': lambda p: MapFolder(p, [truth]).check(0),
        'predictions': read_each(load_records, '*.pkl'),
        'checkpoints': read_each(
            lambda file: find_weights(read_checkpoint(file), file), '*.pth'
        ),
    }


class Readings:
    """Readings of damaged files, one after the other.

    Attributes:
        outcomes: Number of each outcome by reader.
        wrong: What should not be.
        longest: Seconds of the longest reading.
        largest: Megabytes that a reading added to the peak of the memory.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outcomes: Counter = Counter()
        self.wrong: list[str] = []
        self.longest = self.largest = 0.0
        self._read = readers()
        for name, files in seeds().items():  # what is imported does not count
            self._write(files)
            self._read[name](folder)

    def _write(self, files: dict[str, bytes]) -> None:
        for file in self.folder.iterdir():
            file.unlink()
        for file, content in files.items():
            (self.folder / file).write_bytes(content)

    def read(self, name: str, victim: str, content: bytes) -> str | None:
        """Read files of which one is another; return what should not be."""
        self._write({**seeds()[name], victim: content})
        start, memory = time.perf_counter(), _peak()
        problem, outcome = None, 'read'
        faulthandler.dump_traceback_later(6 * SECONDS, exit=True)
        try:
            self._read[name](self.folder)
        except (ValueError, FileNotFoundError) as error:
            outcome, text = 'refused', str(error)
            ours = str(self.folder) in text and len(text) < 20_000
            if not ours or len(text.splitlines()) > 12 or 'torch.load' in text:
                problem = f'message {text[:300]!r}'
        except Exception as error:
            problem = f'{error!r:.300}'
        finally:
            faulthandler.cancel_dump_traceback_later()
        seconds, grown = time.perf_counter() - start, _peak() - memory
        if seconds > SECONDS or grown > MEGABYTES:
            problem = f'{seconds:.1f} s, {grown:.0f} MB more'
        self.longest = max(self.longest, seconds)
        self.largest = max(self.largest, grown)
        self.outcomes[name, 'wrong' if problem else outcome] += 1
        if problem:
            self.wrong.append(f'{name}, {victim}: {problem}')
        return problem


def _peak() -> float:
    """The most memory that the process had, in megabytes."""
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == 'darwin' else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def fuzz(number: int, seed: int) -> Readings:
    """Read damaged files, of each reader as many."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as root:
        readings = Readings(Path(root))
        for index in range(number):
            name = list(seeds())[index % len(seeds())]
            victim = rng.choice(list(seeds()[name]))
            content = damage(seeds()[name][victim], draw_edits(rng))
            readings.read(name, victim, content)
    return readings


def fuzz_guided(seconds: int) -> None:
    """Let Atheris look for files that do harm; ends the process."""
    import atheris

    with atheris.instrument_imports(
        include=['projects.scm', '_score_sources']
    ):
        readers()
    files = [(name, file) for name in seeds() for file in seeds()[name]]
    root = Path(tempfile.mkdtemp(prefix='fuzz_readers_'))
    corpus, folder = root / 'corpus', root / 'files'
    corpus.mkdir(), folder.mkdir()
    for index, (name, file) in enumerate(files):
        content = bytes([index]) + seeds()[name][file]
        (corpus / str(index)).write_bytes(content)
    readings = Readings(folder)

    def read_one(data: bytes) -> None:
        if data:
            name, file = files[data[0] % len(files)]
            problem = readings.read(name, file, data[1:])
            if problem:
                raise RuntimeError(f'{name}, {file}: {problem}')

    options = [f'-max_total_time={seconds}', '-max_len=20000', '-verbosity=1']
    options += [f'-artifact_prefix={root}/', str(corpus)]
    atheris.Setup([sys.argv[0], *options], read_one)
    atheris.Fuzz()


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--number', type=int, default=5000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--guided',
        type=int,
        metavar='SECONDS',
        help='let Atheris change the files for so long',
    )
    args = parser.parse_args()
    make_importable()
    if args.guided:
        fuzz_guided(args.guided)
        return
    found = fuzz(args.number, args.seed)
    for name in seeds():
        counts = [
            found.outcomes[name, k] for k in ('read', 'refused', 'wrong')
        ]
        print(
            f'{name:15} read {counts[0]:5} refused {counts[1]:5} '
            f'wrong {counts[2]:5}'
        )
    print(
        f'longest reading {found.longest:.3f} s, largest {found.largest:.0f} '
        'MB more than the peak before'
    )
    if found.wrong:
        sys.exit('\n'.join(found.wrong[:20]))


if __name__ == '__main__':
    main()
