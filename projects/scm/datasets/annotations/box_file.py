# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What COCO, VOC and CSV files of boxes have in common."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from .problems import Problems
from .text_fields import Box, Size


class ListedBox(NamedTuple):
    """One box as a file gives it; its numbers are finite, no more.

    Attributes:
        image: Path or name of the image.
        box: ``x0, y0, x1, y1`` in pixels of the picture that was shown.
        label: Class of the box, or None where the file says nothing.
        where: File and place in it, for messages.
    """

    image: str
    box: Box
    label: str | int | None
    where: str


@dataclass
class BoxFile:
    """Content of a file, or a folder of files, of boxes.

    Attributes:
        source: The file or folder.
        problems: What is wrong with it.
        boxes: All boxes that are no crowds, in the order of the file.
        sizes: Image -> width and height of the picture that was shown; None
            where the file does not tell it. Holds every listed image.
        categories: Names of the classes by their ids, where the file has ids.
        left_out: What was left out -> how often.
    """

    source: str
    problems: Problems
    boxes: list[ListedBox] = field(default_factory=list)
    sizes: dict[str, Size | None] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    left_out: Counter = field(default_factory=Counter)

    @property
    def notes(self) -> list[str]:
        """What was left out, in words."""
        return [f'{count} {what}' for what, count in self.left_out.items()]
