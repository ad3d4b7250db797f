# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What every writer of results does, and the numbers they share."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, NamedTuple

import cv2
import numpy as np

from projects.scm.utils import write_file

#: Seconds between two versions of a file that can only be written whole.
FLUSH_INTERVAL_S = 20.0


class Instance(NamedTuple):
    """A box in plain numbers.

    Attributes:
        box: Half-open ``x0, y0, x1, y1`` in pixels of the picture.
        label: Index of the class, from 0.
        score: In [0, 1].
        polygons: Outlines of the object, each ``x, y, x, y, …`` in pixels;
            None where no mask was asked for.
    """

    box: list[float]
    label: int
    score: float
    polygons: list[list[float]] | None


class ResultWriter(ABC):
    """Writes results one by one, in a format that other programs read.

    Args:
        folder (str | Path): Where files go.
        classes (Sequence[str]): Names of all classes.
        info (dict[str, Any], optional): How the results came about; kept
            where the format has a place for it.
    """

    #: Files and folders that the writer makes, directly in the folder.
    entries: ClassVar[tuple[str, ...]] = ()
    #: Whether results must have their ``score_maps``.
    needs_maps: ClassVar[bool] = False

    def __init__(
        self,
        folder: str | Path,
        classes: Sequence[str],
        info: dict[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.classes = list(classes)
        self.info = dict(info or {})

    @abstractmethod
    def add(self, result: dict) -> None:
        """Take one result of ``WSOLInferencer``."""

    @abstractmethod
    def close(self) -> Path:
        """Write what is left to be written.

        Returns:
            Path: The file or folder to open.
        """


class WholeFileWriter(ResultWriter):
    """A writer whose file can only be written as a whole.

    It is written again every :data:`FLUSH_INTERVAL_S` seconds, so that a
    stopped run leaves all but its last results.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.taken: list[Any] = []
        self._flushed = time.monotonic()

    @abstractmethod
    def take(self, result: dict) -> Any:
        """What the file says of one result; kept in ``taken``."""

    @abstractmethod
    def content(self) -> str:
        """The file with all results so far."""

    def add(self, result: dict) -> None:
        """Keep one result, and write the file if it is old."""
        self.taken.append(self.take(result))
        if time.monotonic() - self._flushed > FLUSH_INTERVAL_S:
            self.close()

    def close(self) -> Path:
        """Write the file, which is returned."""
        write_file(self.path, self.content().encode())
        self._flushed = time.monotonic()
        return self.path

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.entries[0]


def instances(result: dict) -> list[Instance]:
    """Boxes, labels and scores of a result as plain numbers."""
    outlines = result.get('polygons', [None] * len(result['bboxes']))
    return [
        Instance([plain(x) for x in box], int(label), plain(score), polygons)
        for box, label, score, polygons in zip(
            result['bboxes'],
            result['labels'],
            result['scores'],
            outlines,
            strict=True,
        )
    ]


def plain(number: float) -> float:
    """The shortest decimal that is the same float32."""
    return float(str(np.float32(number)))


def picture_name(result: dict) -> str:
    """Name of the picture that a result is of, with ``/``.

    Relative to the folder of the pictures; of a frame of a video, and of an
    array, to that of the results, where :func:`save_frame` writes it.
    """
    if result.get('frame') is None and result.get('img_path') is not None:
        return result['file_name']
    return f'frames/{result["name"]}.jpg'


def save_frame(result: dict, path: str | Path) -> None:
    """Write the pixels of a frame or an array as a JPEG, if they are there.

    Args:
        result (dict): With ``image``, uint8 (H, W, 3), BGR; others are left
            alone.
        path (str | Path): ``*.jpg``.

    Raises:
        ValueError: If the picture is too large for the format.
    """
    image = result.get('image')
    if image is None or Path(path).exists():
        return
    done, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not done:
        raise ValueError(f'{path}: {image.shape} is no size of a JPEG')
    write_file(path, data.tobytes())


def link_picture(source: str | Path | None, target: Path) -> None:
    """Make a file appear in a second place, without its bytes if possible.

    Args:
        source (str | Path, optional): A file; what is none (an address, an
            array) is left alone.
        target (Path): The other place.
    """
    if not source or not os.path.isfile(source):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(os.path.realpath(source), target)
    except OSError:  # another disk, or a system without links
        write_file(target, Path(source).read_bytes())  # whole, or not at all


def as_file_name(name: str, suffix: str) -> str:
    """``birds/1`` and ``.txt`` make ``birds/1.txt``, whatever dots it has."""
    return str(PurePosixPath(f'{name}{suffix}'))
