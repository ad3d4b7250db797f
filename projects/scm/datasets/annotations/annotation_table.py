# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Annotations of a whole set, held in columns."""

from array import array
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from projects.scm.structures import MaskFiles

from .text_fields import read_lines

# Images whose columns become lists at once. Larger blocks wake the garbage
# collector, which then costs more than everything else here.
_BLOCK = 256

#: What is told where boxes are missing.
NO_BOXES = (
    'A set without boxes has with_boxes=False in its dataset; '
    'classification alone is measured then'
)


class BoxCollector:
    """Boxes of images, gathered in any order.

    A list of a million boxes as Python objects takes about a gigabyte; here
    a box takes forty-eight bytes.

    Args:
        listed: The file that lists them in lines, or a file for each image.
            Defaults to None, which is not known.
    """

    def __init__(self, listed: str | Sequence[str] | None = None) -> None:
        self.listed = listed
        self._images = array('q')
        self._boxes = array('d')
        self._lines = array('q')

    def add(self, image: int, box: Sequence[float], line: int = 0) -> None:
        """Add one box.

        Args:
            image: Index of its image.
            box: ``x0, y0, x1, y1``.
            line: Its line, or its number in the file of its image, from 1.
        """
        self._images.append(image)
        self._boxes.extend(box)
        self._lines.append(line)

    def grouped(
        self, num_images: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sort the boxes by image.

        Returns:
            Boxes float64 (m, 4), offsets int64 (num_images + 1): the boxes of
            image ``i`` are ``boxes[offsets[i]:offsets[i + 1]]``, in the order
            in which they were added; and the lines of the boxes, int64 (m,).
        """
        images = np.array(self._images, dtype=np.int64)
        boxes = np.array(self._boxes, dtype=np.float64).reshape(-1, 4)
        counts = np.bincount(images, minlength=num_images)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        order = np.argsort(images, kind='stable')
        return boxes[order], offsets, np.array(self._lines)[order]


class AnnotationTable(Sequence):
    """Paths, labels, boxes and sizes of the images of a set.

    Items are dicts in the form of OpenMMLab 2.0 and are made when asked for:
    ``img_path``, ``gt_label``, with sizes ``width`` and ``height``, with
    boxes ``instances``, a list of ``{'bbox': [x0, y0, x1, y1], 'bbox_label',
    'ignore_flag': 0}`` in pixels of the original image, with masks
    ``mask_files``, a dict of the fields of
    :class:`~projects.scm.structures.MaskFiles`.

    Attributes:
        paths (list[str]): Paths as they are listed.
        labels (np.ndarray): Class of each image, int64 (n,), from 0.
        boxes (np.ndarray, optional): float64 (m, 4), ``x0, y0, x1, y1``.
        offsets (np.ndarray, optional): int64 (n + 1); the boxes of image i
            are ``boxes[offsets[i]:offsets[i + 1]]``.
        sizes (np.ndarray, optional): int64 (n, 2), width and height; 0, 0
            where they are not known.
        boxes_end (str, optional): ``'last_pixel'`` where far corners are at
            most ``width - 1, height - 1`` in this format; items say so.
            Defaults to None, which means ``width, height``.
        lines (np.ndarray, optional): int64 (m,), the line of each box in its
            file, from 1.
        sizes_file (str, optional): The file that lists sizes, where it is
            not that of the boxes; set by readers. Defaults to None.
        masks (list[MaskFiles], optional): Masks of each image, as they are
            found; set afterwards.
        locate (Callable, optional): Turns a listed path into ``img_path``.
            Defaults to None, which leaves it as it is.
    """

    def __init__(
        self,
        paths: list[str],
        labels: Sequence[int],
        boxes: BoxCollector | None = None,
        sizes: Sequence | None = None,
        *,
        boxes_end: str | None = None,
    ) -> None:
        self.boxes_end = boxes_end
        self.paths = paths
        self.labels = np.array(labels, dtype=np.int64)
        self.boxes = self.offsets = self.lines = self.sizes = None
        if boxes is not None:
            self.boxes, self.offsets, self.lines = boxes.grouped(len(paths))
        if sizes is not None:
            self.sizes = np.array(sizes, dtype=np.int64).reshape(-1, 2)
        self.sizes_file: str | None = None
        self._listed = boxes and boxes.listed
        self.masks: list[MaskFiles] | None = None
        self.locate: Callable[[str], str] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int | slice) -> dict | list[dict]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        return next(self._rows(index, index + 1))

    def __iter__(self) -> Iterator[dict]:
        for start in range(0, len(self), _BLOCK):
            yield from self._rows(start, min(start + _BLOCK, len(self)))

    def clear(self) -> None:
        """Drop everything, as MMEngine does once it has serialized a set."""
        self.__init__([], [])

    def without_boxes(self) -> list[int]:
        """Indices of the images that have no box."""
        return np.flatnonzero(np.diff(self.offsets) == 0).tolist()

    def place(self, image: int, box: int | None = None) -> str | None:
        """Where annotation files list a box, or the size of its image.

        Args:
            image: Index of the image.
            box: Index among its boxes; None for the size.

        Returns:
            str, optional: File and line, or what else tells the place; None
            where it is not known.
        """
        if box is None and self.sizes_file is not None:
            start = f'{self.paths[image]},'
            lines = enumerate(read_lines(self.sizes_file), start=1)
            numbers = (n for n, line in lines if line.startswith(start))
            number = next(numbers, None)
            return f'{self.sizes_file}' + (
                f', line {number}' if number else ''
            )
        if self._listed is None:
            return None
        number = self.lines[self.offsets[image] + (box or 0)]
        if isinstance(self._listed, str):
            return f'{self._listed}, line {number}'
        return f'{self._listed[image]}, box {number}'

    def _rows(self, start: int, stop: int) -> Iterator[dict]:
        """Make the items of a range; columns turn into lists once."""
        labels = self.labels[start:stop].tolist()
        if self.sizes is not None:
            sizes = self.sizes[start:stop].tolist()
        if self.boxes is not None:
            offsets = self.offsets[start : stop + 1]
            boxes = self.boxes[offsets[0] : offsets[-1]].tolist()
            ends = (offsets - offsets[0]).tolist()
        for row, label in enumerate(labels):
            path = self.paths[start + row]
            item = {
                'img_path': path if self.locate is None else self.locate(path),
                'gt_label': label,
            }
            if self.sizes is not None and sizes[row][0]:
                item['width'], item['height'] = sizes[row]
            if self.masks is not None:
                item['mask_files'] = self.masks[start + row]._asdict()
            if self.boxes is not None:
                item['instances'] = [
                    {'bbox': box, 'bbox_label': label, 'ignore_flag': 0}
                    for box in boxes[ends[row] : ends[row + 1]]
                ]
                if self.boxes_end is not None:
                    item['boxes_end'] = self.boxes_end
            yield item
