# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Gives the boxes of an annotation file to the images of a folder."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from projects.scm.datasets.annotations import BoxFile, ListedBox

Box = tuple[float, float, float, float]
#: What detectors without classes call what they find.
CLASS_AGNOSTIC = 'object'


class ConversionError(Exception):
    """The set cannot be converted; the message lists why."""


@dataclass
class Photograph:
    """One image.

    Attributes:
        file: Where it lies.
        key: Its path below the folder of images, with slashes.
        label: Name of its class.
        test: Whether it belongs to the test split.
        prefix: Goes before its name, against equal names in two folders.
        size: Width and height of the upright image; 0, 0 if it does not
            decode.
        orientation: Its EXIF tag, 1 to 8.
        digest: Of its bytes.
        boxes: ``x0, y0, x1, y1`` in pixels of the upright image.
    """

    file: Path
    key: str
    label: str
    test: bool = False
    prefix: str = ''
    size: tuple[int, int] = (0, 0)
    orientation: int = 1
    digest: bytes = b''
    boxes: list[Box] = field(default_factory=list)

    @property
    def turned(self) -> bool:
        """Whether its EXIF tag turns or mirrors it."""
        return self.orientation != 1


def match_boxes(photographs: list[Photograph], found: BoxFile) -> None:
    """Give boxes to images.

    Args:
        photographs: The images.
        found: Content of the file. What is wrong goes into its ``problems``,
            what was left out, cut or moved into its notes.
    """
    from projects.scm.datasets.annotations import ImageNames

    by_key = {photo.key: photo for photo in photographs}
    keys, reasons = ImageNames(by_key).match(found.sizes)
    others: Counter = Counter()
    for row in found.boxes:
        if row.image in reasons:
            reason = reasons.pop(row.image)  # once an image
            found.problems.add(f'{row.where}: {row.image:.200}: {reason}')
        if row.image not in keys:
            continue
        photo = by_key[keys[row.image]]
        if row.label is not None and not _same_class(row.label, photo.label):
            others[str(row.label)] += 1
            continue
        try:
            _add_box(photo, row, found)
        except ValueError as error:
            found.problems.add(str(error))
    if others:
        named = ', '.join(
            f'{label:.100} ({count})'
            for label, count in others.most_common(10)
        )
        here = ', '.join(sorted({photo.label for photo in photographs})[:10])
        what = f'boxes of other classes left out: {named}; classes here: '
        found.left_out[what + here] = sum(others.values())
    found.problems.extend(
        f'{photo.file}: an image of the test split without a box'
        for photo in photographs
        if photo.test and not photo.boxes
    )


def _add_box(photo: Photograph, row: ListedBox, found: BoxFile) -> None:
    from projects.scm.structures import fit_boxes, fit_frame

    name = f'{row.where}: {row.image:.200}'
    boxes, own = [row.box], photo.size if min(photo.size) > 0 else None
    shown = found.sizes[row.image]
    if own and shown and own != shown:
        # In the frame that was shown: shares and outside are found there.
        fit_boxes(boxes, shown, name=name)
        boxes, change = fit_frame(
            boxes,
            shown,
            own,
            orientation=photo.orientation,
            upright=True,
            name=name,
        )
        if change.turn:
            found.left_out['boxes turned with their image'] += 1
        if change.scale:
            found.left_out['boxes scaled to the size of their image'] += 1
    fitted = fit_boxes(boxes, own, name=name)
    if fitted.leaves.any():
        found.left_out['boxes cut at the edge of their image'] += 1
    photo.boxes += map(tuple, fitted.boxes.tolist())


def _same_class(label: str | int, folder: str) -> bool:
    """Whether two names are one but for capitals, blanks and numbers.

    The name of a detector without classes is that of any folder.
    """

    def plain(name: str) -> str:
        name = re.sub(r'^[0-9]+[.](?=.)', '', name)
        return re.sub(r'[\s_]+', ' ', name).strip().casefold()

    return plain(str(label)) in (plain(folder), CLASS_AGNOSTIC)
