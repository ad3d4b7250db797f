# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Ground truth of a set of images for offline evaluation, from any format."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any


@dataclass
class Truth:
    """What is known of one image.

    Attributes:
        name: Its id: a path relative to the set, with slashes.
        label: Its class, a number or a name; None where it is not told.
        order: Place of its class among those of the file, where it has an
            order.
        size_wh: Width and height of the original image, where it is told.
        boxes: ``x0, y0, x1, y1`` in pixels of the original image.
        masks: Files of its masks, instead of boxes.
        place: Says where the file lists the box of an index.
    """

    name: str
    label: int | str | None = None
    order: int | None = None
    size_wh: tuple[int, int] | None = None
    boxes: list[tuple[float, ...]] = field(default_factory=list)
    masks: Any | None = None
    place: Callable[[int], str | None] = lambda _: None


def read_metadata(folder: Path, mask_root: Path | None) -> list[Truth]:
    """Read a metadata folder of wsolevaluation, with boxes or with masks.

    Args:
        folder: For example ``metadata/CUB/test``.
        mask_root: Folder of the masks of OpenImages; without it
            ``localization.txt`` is read as boxes.

    Returns:
        One entry an image, in the order of ``image_ids.txt``.

    Raises:
        FileNotFoundError, ValueError: What is missing or wrong, and where.
    """
    from projects.scm.datasets.annotations import locate_masks, read_wsoleval

    table = read_wsoleval(
        str(folder),
        with_boxes=mask_root is None,
        with_masks=mask_root is not None,
    )
    if mask_root is None:
        if table.sizes is None:
            raise FileNotFoundError(
                f'{folder / "image_sizes.txt"}: no such file; boxes cannot '
                'be moved to the frame of the evaluation without sizes'
            )
        return [
            Truth(
                item['img_path'],
                item['gt_label'],
                # 0 by 0 in the file: not known.
                size_wh=(item['width'], item['height'])
                if 'width' in item
                else None,
                boxes=[tuple(i['bbox']) for i in item['instances']],
                place=partial(table.place, index),
            )
            for index, item in enumerate(table)
        ]
    masks = locate_masks(table.masks, table.paths, str(mask_root))
    return [
        Truth(name, int(label), masks=files)
        for name, label, files in zip(
            table.paths, table.labels, masks, strict=True
        )
    ]


def read_boxes(option: str, path: Path) -> list[Truth]:
    """Read boxes of COCO's, VOC's or CSV form; one class an image.

    Args:
        option: ``coco``, ``voc`` or ``csv``.
        path: The file or folder.

    Returns:
        One entry an image, in the order of the file.

    Raises:
        FileNotFoundError, ValueError: What is missing or wrong, and where.
    """
    from projects.scm.datasets.annotations import (
        read_coco,
        read_csv_boxes,
        read_voc_folder,
    )

    read = {'coco': read_coco, 'voc': read_voc_folder, 'csv': read_csv_boxes}
    found = read[option](path)
    truths = {
        name: Truth(name, size_wh=size) for name, size in found.sizes.items()
    }
    places = {name: [] for name in truths}
    for name, truth in truths.items():
        truth.place = places[name].__getitem__
    order = {name: i for i, (_, name) in enumerate(sorted_ids(found))}
    for row in found.boxes:
        truth = truths[row.image]
        if truth.boxes and row.label != truth.label:
            found.problems.add(
                f'{row.where}: {row.image:.200}: boxes of the classes '
                f'{truth.label!r} and {row.label!r}; a score map is of one '
                'class'
            )
        truth.label = row.label
        truth.order = order.get(row.label)
        truth.boxes.append(row.box)
        places[row.image].append(row.where)
    check_truths(truths.values(), found.problems, found.notes)
    return list(truths.values())


def sorted_ids(found: Any) -> list[tuple]:
    """Categories of a file in the order of their ids."""
    return sorted(found.categories.items(), key=lambda c: (str(type(c[0])), c))


def check_truths(
    truths: Iterable[Truth], problems: Any, notes: Sequence[str] = ()
) -> None:
    """Check sizes and boxes of all images.

    Raises:
        ValueError: If there is no image, or a box is missing or wrong; the
            message names the images.
    """
    truths = list(truths)
    if not truths:
        problems.add(f'{problems.source}: no images')
    for truth in truths:
        if truth.masks:
            continue
        # What is over the edge is cut, and counted, by the evaluation.
        problems.extend(misfits(truth, problems.source))
    problems.check(notes)


def misfits(
    truth: Truth, source: str, size_wh: Sequence[int] | None = None
) -> list[str]:
    """What is wrong with the boxes of an image.

    Args:
        truth: The image.
        source: The file, where no place in it is known.
        size_wh: Its size; by default what the annotation tells.

    Returns:
        One line a box: place, image, box, expected.
    """
    from projects.scm.structures import BoxError, fit_boxes

    name = f'{truth.name:.200}'
    try:
        fit_boxes(truth.boxes, size_wh or truth.size_wh, name=name)
    except BoxError as error:
        return [
            f'{truth.place(index) or source}: {name}: box {problem}'
            for index, problem in error.problems.items()
        ]
    except ValueError as error:
        return [f'{source}: {error}']
    return []
