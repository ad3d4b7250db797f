# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Ground truth of a set of images for offline evaluation, from any format."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Truth:
    """What is known of one image.

    Attributes:
        name: Its id: a path relative to the set, with slashes.
        label: Its class, a number or a name; None where it is not told.
        size_wh: Width and height of the original image.
        boxes: ``x0, y0, x1, y1`` in pixels of the original image.
        masks: Files of object masks, instead of boxes.
        ignore: File of the mask of what is not judged.
    """

    name: str
    label: int | str | None = None
    size_wh: tuple[int, int] | None = None
    boxes: list[tuple[float, ...]] = field(default_factory=list)
    masks: list[Path] = field(default_factory=list)
    ignore: Path | None = None


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
    from projects.scm.datasets.annotations import (
        read_class_labels,
        read_image_ids,
        read_masks,
        read_wsoleval,
    )

    if mask_root is None:
        table = read_wsoleval(str(folder), with_boxes=True)
        if table.sizes is None:
            raise FileNotFoundError(
                f'{folder / "image_sizes.txt"}: no such file; boxes cannot '
                'be moved to the frame of the evaluation without sizes'
            )
        return [
            Truth(
                item['img_path'],
                item['gt_label'],
                (item['width'], item['height']),
                [tuple(i['bbox']) for i in item['instances']],
            )
            for item in table
        ]
    ids = read_image_ids(str(folder / 'image_ids.txt'))
    index = {name: i for i, name in enumerate(ids)}
    labels = read_class_labels(str(folder / 'class_labels.txt'), index)
    listed = folder / 'localization.txt'
    masks = read_masks(str(listed))
    unknown = sorted(set(masks) - set(ids))
    if unknown:
        raise ValueError(f'{listed}: {unknown[0]} is not in image_ids.txt')
    truths = []
    for name, label in zip(ids, labels, strict=True):
        entries = masks.get(name, [])
        files = [mask_root / entry.mask for entry in entries]
        ignored = [mask_root / e.ignore for e in entries if e.ignore]
        if not files:
            raise ValueError(f'{listed}: {name}: no mask')
        for file in files + ignored[:1]:
            if not file.is_file():
                raise FileNotFoundError(f'{file}: no such mask, of {name}')
        ignore = ignored[0] if ignored else None
        truths.append(Truth(name, int(label), masks=files, ignore=ignore))
    return truths


def read_coco(path: Path) -> list[Truth]:
    """Read a JSON file of COCO; crowds are left out, one class an image."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        truths = {
            item['id']: Truth(
                item['file_name'],
                size_wh=(int(item['width']), int(item['height'])),
            )
            for item in content['images']
        }
        rows = []
        for item in content['annotations']:
            if not item.get('iscrowd'):
                x, y, width, height = map(float, item['bbox'])
                truth = truths[item['image_id']]
                box = (x, y, x + width, y + height)
                rows.append((truth, item['category_id'], box))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f'{path}: expected the JSON of COCO with images (id, file_name, '
            'width, height) and annotations (image_id, category_id, bbox); '
            f'{type(error).__name__}: {error}'
        ) from error
    for truth, label, box in rows:
        _add_box(truth, label, box, str(path))
    return list(truths.values())


def read_voc(folder: Path) -> list[Truth]:
    """Read a folder of XML files; an image is called as its file is."""
    from projects.scm.datasets.annotations import read_voc_xml

    files = sorted(folder.rglob('*.xml'))
    if not files:
        raise FileNotFoundError(f'{folder}: no .xml files')
    truths = []
    for file in files:
        annotation = read_voc_xml(str(file))
        name = file.relative_to(folder).with_suffix('').as_posix()
        truth = Truth(name, size_wh=annotation.size)
        for label, box in zip(annotation.names, annotation.boxes, strict=True):
            _add_box(truth, label, box, str(file))
        truths.append(truth)
    return truths


def read_csv(path: Path) -> list[Truth]:
    """Read a CSV file, one line a box.

    Its columns are path, width, height, x0, y0, x1, y1 and, if known, label.
    """
    needed = ['path', 'width', 'height', 'x0', 'y0', 'x1', 'y1']
    truths: dict[str, Truth] = {}
    with path.open(encoding='utf-8-sig', newline='') as file:
        reader = csv.DictReader(file)
        missing = set(needed) - set(reader.fieldnames or [])
        if missing:
            raise ValueError(
                f'{path}, line 1: missing columns {sorted(missing)}; expected '
                f'{",".join(needed)} and, if known, label'
            )
        for row in reader:
            where = f'{path}, line {reader.line_num}'
            try:
                size = (int(row['width']), int(row['height']))
                box = tuple(float(row[name]) for name in needed[3:])
            except (TypeError, ValueError):
                raise ValueError(
                    f'{where}: expected numbers, found '
                    f'{[row[name] for name in needed[1:]]}'
                ) from None
            truth = truths.setdefault(
                row['path'], Truth(row['path'], size_wh=size)
            )
            if truth.size_wh != size:
                raise ValueError(
                    f'{where}: {truth.name}: size {size}, before it was '
                    f'{truth.size_wh}'
                )
            _add_box(truth, row.get('label') or None, box, where)
    return list(truths.values())


def _add_box(
    truth: Truth, label: int | str | None, box: Iterable[float], where: str
) -> None:
    if truth.boxes and label != truth.label:
        raise ValueError(
            f'{where}: {truth.name}: boxes of the classes {truth.label!r} and '
            f'{label!r}; a score map is of one class'
        )
    truth.label = label
    truth.boxes.append(tuple(box))


def check_truths(truths: list[Truth], where: Path) -> None:
    """Check names, sizes and boxes of all images.

    Raises:
        ValueError: If there is no image, one is listed twice, or a box is
            missing or wrong; the message names the image.
    """
    from projects.scm.structures import fit_boxes

    if not truths:
        raise ValueError(f'{where}: no images')
    seen = set()
    for truth in truths:
        if truth.name in seen:
            raise ValueError(f'{where}: {truth.name} is listed twice')
        seen.add(truth.name)
        if not truth.masks:
            # What is over the edge is cut, and counted, by the evaluation.
            fit_boxes(
                truth.boxes, truth.size_wh, name=f'{where}: {truth.name}'
            )
