# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Reads the pickles that ``tools/test.py --out`` writes, and checks them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from projects.scm.structures import Annotation, Localization
from projects.scm.utils import load_test_run, match_images


class Record(NamedTuple):
    """What one test run says of one image, and what the annotation does."""

    found: Localization
    truth: Annotation

    @property
    def img_path(self) -> str:
        """The picture."""
        return self.found.name

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the original image."""
        return self.truth.image_size_wh

    @property
    def gt_label(self) -> int:
        """The true class."""
        return self.truth.gt_label

    @property
    def gt_bboxes(self) -> np.ndarray:
        """float64 (M, 4), xyxy in pixels of the original image."""
        return np.asarray(self.truth.gt_boxes, np.float64).reshape(-1, 4)

    @property
    def pred_label(self) -> int:
        """The predicted class."""
        return self.found.pred_label

    @property
    def pred_score(self) -> float:
        """Its score."""
        return float(self.found.pred_score[self.pred_label])

    @property
    def right_class(self) -> bool:
        """Whether the predicted class is the true one."""
        return self.pred_label == self.gt_label


def load_records(path: str | Path) -> list[Record]:
    """Read one test run.

    Args:
        path (str | Path): See :func:`~projects.scm.utils.load_test_run`.

    Returns:
        list[Record]: One record an image, in the order of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no such pickle; the message names the
            file, the image and the field.
    """
    records, seen = [], set()
    for index, item in enumerate(load_test_run(path)):
        try:
            record = _record(item)
        except ValueError as error:
            raise ValueError(f'{path}, item {index}: {error}') from error
        except Exception as error:  # of a damaged file, anything
            raise ValueError(
                f'{path}, item {index}: not what tools/test.py --out writes '
                f'({type(error).__name__}: {error!s:.200})'
            ) from error
        if record.img_path in seen:
            raise ValueError(
                f'{path}, item {index}: img_path {record.img_path} occurs '
                'twice'
            )
        seen.add(record.img_path)
        records.append(record)
    bare = [i for i, record in enumerate(records) if not record.truth.gt_boxes]
    if bare and len(bare) < len(records):
        raise ValueError(
            f'{path}, item {bare[0]}: {records[bare[0]].img_path}: instances: '
            'expected at least one box, as other images have; a set without '
            'boxes has with_boxes=False in its dataset'
        )
    return records


def align_runs(
    runs: Sequence[list[Record]], names: Sequence[str]
) -> list[list[Record]]:
    """Bring several runs to the image order of the first.

    Args:
        runs (Sequence[list[Record]]): One list of records a run.
        names (Sequence[str]): Name of each run, for messages.

    Returns:
        list[list[Record]]: The runs, with images in one order.

    Raises:
        ValueError: If the runs do not hold the same images with the same
            annotation.
    """
    first = runs[0]
    aligned = [list(first)]
    for name, run in zip(names[1:], runs[1:], strict=True):
        places = match_images(
            [record.img_path for record in first],
            [record.img_path for record in run],
            [names[0], name],
        )
        ordered = [run[place] for place in places]
        for mine, other in zip(first, ordered, strict=True):
            same = (
                mine.gt_label == other.gt_label
                and np.array_equal(mine.gt_bboxes, other.gt_bboxes)
                and (mine.truth.masks is None) == (other.truth.masks is None)
            )
            if not same:
                raise ValueError(
                    f'{name}: {mine.img_path}: annotation differs from that '
                    f'in {names[0]}'
                )
        aligned.append(ordered)
    return aligned


def _record(item: Mapping[str, Any]) -> Record:
    """An item of the pickle, checked."""
    found = Localization.from_mapping(
        item,
        ('img_path', 'pred_score', 'score_maps', 'score_map_labels'),
        'expected what tools/test.py --out writes; there are '
        f'{sorted(map(str, item))}',
    )
    found.check_geometry()
    truth = Annotation.from_mapping(item)
    count = len(found.pred_score)
    if not 0 <= truth.gt_label < count:
        raise ValueError(
            f'{found.name}: gt_label: expected one class below {count}, got '
            f'{truth.gt_label}'
        )
    boxes = np.asarray(truth.gt_boxes, np.float64)
    if boxes.size and (
        boxes.shape != (len(boxes), 4) or not np.isfinite(boxes).all()
    ):
        raise ValueError(
            f'{found.name}: instances: expected boxes [x0, y0, x1, y1], got '
            f'{truth.gt_boxes}'
        )
    for label in (truth.gt_label, found.pred_label):
        found.map_of(label)
    return Record(found, truth)
