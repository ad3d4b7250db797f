# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Compare stores for the pixels of resized images: a plain file, LMDB.

Example::

    pip install lmdb
    python tools/benchmarks/pixel_stores.py

Images of 256x256 are copied from each store in random order, from the page
cache, in rounds that take turns; medians of CPU time an image.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import arguments


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments.parser_of(__doc__)
    parser.add_argument(
        '--images', type=int, default=500, help='defaults to 500'
    )
    parser.add_argument(
        '--repeats', type=int, default=9, help='rounds; defaults to 9'
    )
    return parser.parse_args()


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

import numpy as np  # noqa: E402

SHAPE = (256, 256, 3)
Read = Callable[[int], np.ndarray]


def open_file(folder: Path, pixels: np.ndarray) -> Read:
    """A file, memory-mapped."""
    pixels.tofile(folder / 'pixels')
    flat = np.memmap(folder / 'pixels', np.uint8, mode='r')
    images = flat.view(np.ndarray).reshape(-1, *SHAPE)
    return lambda index: np.array(images[index])


def open_lmdb(folder: Path, pixels: np.ndarray) -> Read:
    """LMDB, which maps its file too; a transaction that stays."""
    import lmdb

    path = str(folder / 'lmdb')
    size = 2 * pixels.nbytes + 2**20
    with (
        lmdb.open(path, map_size=size) as store,
        store.begin(write=True) as transaction,
    ):
        for index, image in enumerate(pixels):
            transaction.put(b'%08d' % index, image.tobytes())
    store = lmdb.open(path, readonly=True, lock=False, readahead=False)
    transaction = store.begin(buffers=True)

    def read(index: int) -> np.ndarray:
        content = transaction.get(b'%08d' % index)
        return np.frombuffer(content, np.uint8).reshape(SHAPE).copy()

    return read


def main() -> None:
    """Run the tool."""
    args = parse_args()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (args.images, *SHAPE), dtype=np.uint8)
    order = list(range(args.images))
    random.Random(0).shuffle(order)
    with tempfile.TemporaryDirectory() as folder:
        stores = {
            'file': open_file(Path(folder), pixels),
            'lmdb': open_lmdb(Path(folder), pixels),
        }
        times: dict[str, list[float]] = {name: [] for name in stores}
        for repeat in range(args.repeats + 1):
            for name, read in stores.items():
                start = time.process_time()
                for index in order:
                    image = read(index)
                spent = time.process_time() - start
                if not np.array_equal(image, pixels[order[-1]]):
                    raise RuntimeError(f'{name} returned other pixels')
                if repeat:  # the first round warms up
                    times[name].append(1e6 * spent / args.images)
    for name, values in times.items():
        print(
            f'{name}: {statistics.median(values):.1f} us an image '
            f'({min(values):.1f} to {max(values):.1f})'
        )


if __name__ == '__main__':
    main()
