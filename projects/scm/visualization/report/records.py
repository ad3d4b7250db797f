# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Reads the pickles that ``tools/test.py --out`` writes, and checks them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from projects.scm.utils import load_test_run

__all__ = ['Record', 'align_runs', 'load_records']


class Record(NamedTuple):
    """What one test run says of one image."""

    img_path: str
    size_wh: tuple[int, int]
    """Of the original image."""
    gt_label: int
    gt_bboxes: np.ndarray
    """float64 (M, 4), xyxy in pixels of the original image."""
    pred_score: np.ndarray
    """float32 (C,), softmax."""
    pred_label: int
    score_maps: np.ndarray
    """float32 (K, h, w), raw."""
    score_map_labels: np.ndarray
    """int64 (K,), class of each map, the best five first."""

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
        record = _Fields(f'{path}, item {index}', item).record()
        if record.img_path in seen:
            raise ValueError(
                f'{path}, item {index}: img_path {record.img_path} occurs '
                'twice'
            )
        seen.add(record.img_path)
        records.append(record)
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
        by_path = {record.img_path: record for record in run}
        missing = [r.img_path for r in first if r.img_path not in by_path]
        if missing or len(run) != len(first):
            raise ValueError(
                f'{name}: expected the {len(first)} images of {names[0]}, '
                f'got {len(run)}, of which {len(missing)} are missing'
                + (f', first {missing[0]}' if missing else '')
            )
        ordered = [by_path[record.img_path] for record in first]
        for mine, other in zip(first, ordered, strict=True):
            same = mine.gt_label == other.gt_label and np.array_equal(
                mine.gt_bboxes, other.gt_bboxes
            )
            if not same:
                raise ValueError(
                    f'{name}: {mine.img_path}: annotation differs from that '
                    f'in {names[0]}'
                )
        aligned.append(ordered)
    return aligned


class _Fields:
    """Takes one item of the pickle apart, naming what is wrong with it."""

    def __init__(self, where: str, item: Mapping[str, Any]) -> None:
        self.where = where
        self.item = item

    def record(self) -> Record:
        """The item as a checked record."""
        img_path = self._get('img_path')
        if not isinstance(img_path, str):
            self._fail('img_path', 'text', img_path)
        self.where += f' ({img_path})'
        score = self._array('pred_score', 1, np.float32)
        maps = self._array('score_maps', 3, np.float32)
        labels = self._array('score_map_labels', 1, np.int64)
        gt_label = self._label('gt_label', len(score))
        pred_label = self._label('pred_label', len(score))
        if len(labels) != len(maps):
            self._fail('score_map_labels', f'{len(maps)} labels', labels)
        for name, label in [('gt', gt_label), ('predicted', pred_label)]:
            if label not in labels:
                expected = f'the {name} class {label} among them'
                self._fail('score_map_labels', expected, labels.tolist())
        return Record(
            img_path=img_path,
            size_wh=self._size(),
            gt_label=gt_label,
            gt_bboxes=self._boxes(),
            pred_score=score,
            pred_label=pred_label,
            score_maps=maps,
            score_map_labels=labels,
        )

    def _fail(self, field: str, expected: str, found: Any) -> None:
        raise ValueError(
            f'{self.where}: {field}: expected {expected}, got {found!r:.200}'
        )

    def _get(self, field: str) -> Any:
        if field not in self.item:
            raise ValueError(
                f'{self.where}: {field}: missing; there are '
                f'{sorted(map(str, self.item))}'
            )
        return self.item[field]

    def _array(self, field: str, ndim: int, dtype: type) -> np.ndarray:
        array = np.asarray(self._get(field))
        numeric = np.issubdtype(array.dtype, np.number)
        if array.ndim != ndim or not array.size or not numeric:
            self._fail(field, f'{ndim}-d numbers', array)
        if not np.isfinite(array).all():
            self._fail(field, 'finite numbers', array)
        return array.astype(dtype)

    def _label(self, field: str, num_classes: int) -> int:
        label = np.asarray(self._get(field)).reshape(-1)
        if len(label) != 1 or not 0 <= label[0] < num_classes:
            self._fail(field, f'one class below {num_classes}', label)
        return int(label[0])

    def _size(self) -> tuple[int, int]:
        shape = self._get('ori_shape')
        if len(shape) < 2 or not all(int(side) > 0 for side in shape[:2]):
            self._fail('ori_shape', '(height, width)', shape)
        return int(shape[1]), int(shape[0])

    def _boxes(self) -> np.ndarray:
        boxes = [
            instance.get('bbox')
            for instance in self._get('instances')
            if not instance.get('ignore_flag')
        ]
        if not boxes:
            self._fail('instances', 'at least one box', boxes)
        array = np.asarray(boxes, dtype=np.float64)
        if array.shape != (len(boxes), 4) or not np.isfinite(array).all():
            self._fail('instances', 'boxes [x0, y0, x1, y1]', boxes)
        return array
