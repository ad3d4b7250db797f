# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Resized pixels of images on disk, memory-mapped.

A cache is a folder of shards, each written whole or not at all::

    256x256-1f0c7d52
    ├── settings.json            how the pixels were made
    ├── 3b1e….pixels             uint8 (images, height, width, 3)
    ├── 3b1e….index.npz          which images they are; written after them
    └── …

It has no order and no end: images are found by their names, and making a
cache is adding the images that it lacks. Of the shards only pages that are
read are in memory, once for all processes of a machine.
"""

import hashlib
import io
import json
import math
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from projects.scm.utils.files import (
    read_json,
    remove_parts,
    write_file,
    write_json,
)

#: Bytes of pixels in a shard, at most.
SHARD_BYTES = 128 * 2**20
TOOL = 'tools/dataset_converters/make_pixel_cache.py'
PIXELS, INDEX = '.pixels', '.index.npz'

#: Makes the pixels of an image and tells its height and width before.
MakePixels = Callable[[str], tuple[np.ndarray, tuple[int, int]]]


class PixelCacheError(ValueError):
    """A cache is missing, incomplete, damaged, or of other settings."""


def image_keys(paths: Iterable[str], root: str) -> np.ndarray:
    """Numbers that stand for images.

    Args:
        paths (Iterable[str]): Their paths.
        root (str): Folder of the data set. Below it the path from there
            counts, so that a data set can be moved.

    Returns:
        np.ndarray: uint64, one an image.
    """
    start = f'{root.rstrip("/")}/'
    digests = b''.join(
        hashlib.blake2b(
            str(path).removeprefix(start).encode(), digest_size=8
        ).digest()
        for path in paths
    )
    return np.frombuffer(digests, '<u8')


class PixelCache:
    """Pixels of images that were loaded and resized before.

    Args:
        folder (str | Path): Of all caches of a data set.
        settings (Mapping): How the pixels are made, of what JSON can hold:
            ``size`` (width, height) and anything else. Other settings are
            another cache, in another folder beside this one.

    Raises:
        PixelCacheError: If the folder holds something else.
    """

    def __init__(
        self, folder: str | Path, settings: Mapping[str, Any]
    ) -> None:
        self.settings = json.loads(json.dumps(settings, sort_keys=True))
        width, height = self.settings['size']
        self.shape = (height, width, 3)
        text = json.dumps(self.settings, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        self.parent = Path(folder)
        self.folder = self.parent / f'{width}x{height}-{digest}'
        self._clear()
        file = self.folder / 'settings.json'
        if file.is_file():
            try:
                found = read_json(file)
            except ValueError:
                found = None
            if found != self.settings:
                raise PixelCacheError(
                    f'{file}: expected {self.settings}, found {found}; '
                    f'remove {self.folder} and {self.cure()}'
                )

    def _clear(self) -> None:
        self.keys = np.empty(0, '<u8')  # sorted
        self.sizes = np.empty((0, 2), '<i4')  # height, width before
        self.places = np.empty((0, 2), '<i8')  # shard, image in it
        self.shards: list[str] = []
        self._maps: dict[int, np.ndarray] = {}

    def __getstate__(self) -> dict:
        return {**vars(self), '_maps': {}}  # opened anew in each process

    def __len__(self) -> int:
        return len(self.keys)

    def open(self) -> 'PixelCache':
        """Read which images there are.

        Returns:
            PixelCache: This one.

        Raises:
            PixelCacheError: If there is no cache of these settings, or a
                file of it is damaged.
        """
        if not (self.folder / 'settings.json').is_file():
            raise PixelCacheError(self._describe_others())
        problems = self._read()
        if problems:
            raise PixelCacheError(
                f'{"; ".join(text for _, text in problems[:5])} '
                f'({len(problems)} damaged shards): {self.cure()}, which '
                'makes them again'
            )
        return self

    def _describe_others(self) -> str:
        others = []
        for file in sorted(self.parent.glob('*/settings.json')):
            try:
                others.append(f'{file.parent.name}: {file.read_text()}')
            except OSError:
                continue
        found = ' '.join(' '.join(others).split())
        return (
            f'{self.folder}: no such pixel cache, of {self.settings}. '
            f'{self.parent} has {found or "none"}. To make it {self.cure()}'
        )

    def cure(self) -> str:
        """What to run for a cache that is whole."""
        return f'run python {TOOL} CONFIG --out {self.parent}'

    def _read(self) -> list[tuple[Path, str]]:
        """Read the indices; return those of damaged shards, and the reason."""
        self._clear()
        keys, sizes, places, problems = [], [], [], []
        for file in sorted(self.folder.glob(f'*{INDEX}')):
            try:
                index = self._read_index(file)
            except PixelCacheError as error:
                problems.append((file, str(error)))
                continue
            count = len(index['keys'])
            keys.append(index['keys'])
            sizes.append(index['sizes'])
            shard = np.full(count, len(self.shards))
            places.append(np.stack([shard, np.arange(count)], 1))
            self.shards.append(file.name.removesuffix(INDEX))
        if keys:
            self.keys, first = np.unique(
                np.concatenate(keys), return_index=True
            )
            self.sizes = np.concatenate(sizes)[first]
            self.places = np.concatenate(places)[first]
        return problems

    def _read_index(self, file: Path) -> dict[str, np.ndarray]:
        """Index of a shard whose pixels are there."""
        index = read_index(file)
        pixels = file.with_name(file.name.removesuffix(INDEX) + PIXELS)
        found = pixels.stat().st_size if pixels.is_file() else 'no such file'
        expected = len(index['keys']) * math.prod(self.shape)
        if found != expected:
            raise PixelCacheError(
                f'{pixels}: expected {expected} bytes, found {found}'
            )
        return index

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Places of images in the cache.

        Args:
            keys (np.ndarray): See :func:`image_keys`.

        Returns:
            np.ndarray: int64, -1 for those that it has not.
        """
        if not len(self.keys):
            return np.full(len(keys), -1)
        rows = np.searchsorted(self.keys, keys)
        rows[rows == len(self.keys)] = 0
        return np.where(self.keys[rows] == keys, rows, -1)

    def read(self, row: int) -> tuple[np.ndarray, tuple[int, int]]:
        """The pixels of an image.

        Args:
            row (int): See :meth:`find`.

        Returns:
            tuple[np.ndarray, tuple[int, int]]: uint8 (height, width, 3), a
            copy, and height and width of the image before it was resized.

        Raises:
            PixelCacheError: If they have vanished since it was opened.
        """
        shard, place = self.places[row].tolist()
        pixels = self._maps.get(shard)
        if pixels is None:
            pixels = self._maps[shard] = self._map(self.shards[shard])
        height, width = self.sizes[row].tolist()
        return np.array(pixels[place]), (height, width)

    def _map(self, name: str) -> np.ndarray:
        file = self.folder / f'{name}{PIXELS}'
        try:
            flat = np.memmap(file, np.uint8, mode='r')
            # An array proper: slices of a memmap cost more than their copy.
            return flat.view(np.ndarray).reshape(-1, *self.shape)
        except (OSError, ValueError) as error:
            raise PixelCacheError(
                f'{file}: {error}; {self.cure()}, which makes it again'
            ) from error

    def lacks(self, keys: np.ndarray) -> np.ndarray:
        """Read again which images there are; remove what cannot be read.

        Args:
            keys (np.ndarray): Of the images that are wanted.

        Returns:
            np.ndarray: int64, places in ``keys`` of those that are not there.
        """
        for file, _ in self._read():
            self._remove(file)
        return np.flatnonzero(self.find(keys) < 0)

    def add(
        self,
        paths: Sequence[str],
        keys: np.ndarray,
        make: MakePixels,
        *,
        workers: int = 1,
        progress: Callable[[int], Any] = lambda count: None,
    ) -> None:
        """Make the pixels of images that the cache lacks.

        Whoever stops this loses no more than the shard that is being made,
        and two processes may do it at once.

        Args:
            paths (Sequence[str]): Of the images.
            keys (np.ndarray): Theirs.
            make (MakePixels): Makes the pixels of a path.
            workers (int): Threads. Defaults to 1.
            progress (Callable): Told the number of images at every image
                that is made. Defaults to nobody.

        Raises:
            PixelCacheError: If the disk has not enough room, or two paths
                have the same key.
            ValueError: If an image cannot be made; names it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / 'settings.json', self.settings)
        missing = self.lacks(keys)
        _, first = np.unique(keys[missing], return_index=True)
        if len({paths[i] for i in missing}) != len(first):
            raise PixelCacheError(
                'two images have the same key; rename one of them'
            )
        missing = missing[np.sort(first)]
        size = math.prod(self.shape)
        needed = len(missing) * size
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise PixelCacheError(
                f'{self.folder}: {len(missing)} images need '
                f'{needed / 1e9:.2f} GB, the disk has {free / 1e9:.2f} GB left'
            )
        count = max(1, SHARD_BYTES // size)
        with ThreadPoolExecutor(workers) as pool:
            for start in range(0, len(missing), count):
                part = missing[start : start + count]
                pixels = np.empty((len(part), *self.shape), np.uint8)
                sizes = np.empty((len(part), 2), '<i4')
                made = pool.map(make, [paths[i] for i in part])
                for place, (image, size) in enumerate(made):
                    if image.shape != self.shape or image.dtype != np.uint8:
                        raise PixelCacheError(
                            f'{paths[part[place]]}: expected pixels uint8 '
                            f'{self.shape}, found {image.dtype} {image.shape}'
                        )
                    pixels[place], sizes[place] = image, size
                    progress(1)
                self._write(keys[part], pixels, sizes)
        self._read()

    def _write(
        self, keys: np.ndarray, pixels: np.ndarray, sizes: np.ndarray
    ) -> None:
        # The same images are the same file, whoever writes it.
        name = hashlib.sha256(keys.tobytes()).hexdigest()[:16]
        digest = hashlib.sha256(pixels).hexdigest()
        index = io.BytesIO()
        np.savez(index, keys=keys, sizes=sizes, sha256=np.array(digest))
        write_file(self.folder / f'{name}{PIXELS}', pixels.data)
        write_file(self.folder / f'{name}{INDEX}', index.getvalue())

    def _remove(self, file: Path) -> None:
        name = file.name.removesuffix(INDEX).removesuffix(PIXELS)
        for end in (INDEX, PIXELS):  # pixels without an index are none
            (self.folder / f'{name}{end}').unlink(missing_ok=True)

    def check(
        self, progress: Callable[[int], Any] = lambda count: None
    ) -> list[str]:
        """Compare the pixels with their digests; remove damaged shards.

        Also removes what killed processes have left. Nobody else may write.

        Args:
            progress (Callable): Told the number of images at every shard.
                Defaults to nobody.

        Returns:
            list[str]: What was removed and why.
        """
        if not self.folder.is_dir():
            return []
        remove_parts(self.folder)
        removed = []
        for file in sorted(self.folder.glob(f'*{INDEX}')):
            pixels = file.with_name(file.name.removesuffix(INDEX) + PIXELS)
            try:
                index = self._read_index(file)
                mapped = np.memmap(pixels, np.uint8, 'r')
                digest = hashlib.sha256(mapped).hexdigest()
                if digest != str(index['sha256']):
                    raise PixelCacheError(
                        f'{pixels}: expected SHA-256 {index["sha256"]}, '
                        f'found {digest}'
                    )
                progress(len(index['keys']))
            except PixelCacheError as error:
                removed.append(str(error))
                self._remove(file)
        for file in self.folder.glob(f'*{PIXELS}'):
            if not file.with_name(file.stem + INDEX).is_file():
                self._remove(file)
        return removed


def read_index(file: Path) -> dict[str, np.ndarray]:
    """Read which images are in a shard.

    Args:
        file (Path): Its index.

    Returns:
        dict[str, np.ndarray]: ``keys``, ``sizes`` and ``sha256``.

    Raises:
        PixelCacheError: If it is damaged.
    """
    try:
        # Through memory: NumPy leaves damaged files open.
        with np.load(io.BytesIO(file.read_bytes())) as content:
            index = {k: content[k] for k in ('keys', 'sizes', 'sha256')}
        if index['sizes'].shape != (len(index['keys']), 2):
            raise ValueError(f'sizes {index["sizes"].shape}')
        return index
    except Exception as e:  # of a damaged archive, anything
        raise PixelCacheError(f'{file}: not an index of pixels: {e}') from e
