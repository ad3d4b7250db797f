# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Score maps for offline evaluation: a test run, or a folder of arrays."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _annotation_sources import Truth


class TestRun:
    """The file of ``tools/test.py --out``, with its own annotation or another.

    Args:
        path: The pickle. No code in it is run.
        truths: Ground truth that replaces that of the file.
    """

    __test__ = False  # no test, whatever pytest thinks of the name
    has_ranking = True

    def __init__(self, path: Path, truths: list[Truth] | None) -> None:
        from projects.scm.structures import fit_boxes
        from projects.scm.visualization.report.records import load_records

        self.records = load_records(path)
        boxes = [record.gt_bboxes for record in self.records]
        if truths is not None:
            boxes = self._replaced(path, truths)
        self.boxes = boxes
        for record, own in zip(self.records, boxes, strict=True):
            fit_boxes(own, record.size_wh, name=f'{path}: {record.img_path}')

    def _replaced(self, path: Path, truths: list[Truth]) -> list[Any]:
        """Boxes of the annotation, in the order of the records."""
        by_name = {truth.name: truth for truth in truths}
        used, boxes = set(), []
        for record in self.records:
            parts = Path(record.img_path).parts
            tails = ('/'.join(parts[i:]) for i in range(len(parts)))
            name = next((tail for tail in tails if tail in by_name), None)
            if name is None:
                raise ValueError(
                    f'{path}: {record.img_path}: an extra image, it is not in '
                    'the annotation'
                )
            truth = by_name[name]
            used.add(name)
            for field, found, expected in (
                ('gt_label', record.gt_label, truth.label),
                ('ori_shape', record.size_wh, truth.size_wh),
            ):
                comparable = type(found) is type(expected)
                if comparable and found != expected:
                    raise ValueError(
                        f'{path}: {record.img_path}: {field}: {found} '
                        f'disagrees with {expected} of the annotation'
                    )
            boxes.append(truth.boxes)
        missing = sorted(set(by_name) - used)
        if missing:
            raise ValueError(
                f'{path}: {len(missing)} images of the annotation are '
                f'missing, first {missing[0]}'
            )
        return boxes

    def __len__(self) -> int:
        return len(self.records)

    def check(self, index: int) -> None:
        """Everything was checked when the file was read."""

    def score(self, plan: Any, index: int) -> Any:
        """Numbers of one image."""
        from projects.scm.evaluation.functional import record_image

        record = self.records[index]
        return record_image(
            plan,
            record.score_maps,
            record.score_map_labels,
            record.gt_label,
            self.boxes[index],
            record.size_wh,
            ranking=record.score_map_labels[:5],
            name=record.img_path,
        )


class MapFolder:
    """A folder of ``.npy`` files, the map of the true class of each image.

    The map of the image ``a/b.jpg`` lies in ``a/b.jpg.npy`` or ``a/b.npy``.

    Args:
        folder: The folder.
        truths: Ground truth of all images.
    """

    has_ranking = False

    def __init__(self, folder: Path, truths: list[Truth]) -> None:
        self.truths = truths
        labels = {truth.label for truth in truths} - {None}
        numbers = {label: i for i, label in enumerate(sorted(labels, key=str))}
        if all(isinstance(label, int) for label in labels):
            numbers = {label: label for label in labels}
        self.labels = [numbers.get(truth.label, 0) for truth in truths]
        self.files = [self._find(folder, truth.name) for truth in truths]
        extra = set(folder.rglob('*.npy')) - set(self.files)
        if extra:
            raise ValueError(
                f'{folder}: {len(extra)} extra maps, of no image of the '
                f'annotation, first {min(extra).relative_to(folder)}'
            )

    @staticmethod
    def _find(folder: Path, name: str) -> Path:
        full = folder / f'{name}.npy'
        short = (folder / name).with_suffix('.npy')
        for file in (full, short):
            if file.is_file():
                return file
        raise FileNotFoundError(
            f'{folder}: missing image {name}: neither '
            f'{full.relative_to(folder)} nor {short.relative_to(folder)}'
        )

    def __len__(self) -> int:
        return len(self.files)

    def _read(self, index: int) -> np.ndarray:
        file = self.files[index]
        where = f'{file}, map of image {self.truths[index].name}'
        try:
            score_map = np.load(file, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise ValueError(f'{where}: not an array ({error})') from error
        if score_map.ndim != 2 or score_map.dtype.kind not in 'fiu':
            raise ValueError(
                f'{where}: expected numbers of shape (h, w), got '
                f'{score_map.dtype} of shape {score_map.shape}'
            )
        if score_map.size == 0 or not np.isfinite(score_map).all():
            raise ValueError(f'{where}: empty, or NaN or infinite values')
        return score_map

    def check(self, index: int) -> None:
        """Check the map of one image."""
        self._read(index)

    def score(self, plan: Any, index: int) -> Any:
        """Numbers of one image with boxes."""
        from projects.scm.evaluation.functional import record_image

        truth, label = self.truths[index], self.labels[index]
        return record_image(
            plan,
            self._read(index)[None],
            [label],
            label,
            truth.boxes,
            truth.size_wh,
            ranking=None,
            name=truth.name,
        )

    def histograms(
        self, frame_size_wh: Sequence[int], thresholds: np.ndarray, index: int
    ) -> np.ndarray:
        """Scores at the pixels of one image with masks."""
        from projects.scm.evaluation.functional import (
            merge_masks,
            pixel_histograms,
        )
        from projects.scm.structures import (
            normalize_score_map,
            resize_score_map,
        )

        truth = self.truths[index]
        resized = resize_score_map(self._read(index), frame_size_wh, 'bicubic')
        mask = merge_masks(
            [self._mask(file, truth.name) for file in truth.masks],
            self._mask(truth.ignore, truth.name) if truth.ignore else None,
            frame_size_wh,
        )
        return pixel_histograms(normalize_score_map(resized), mask, thresholds)

    @staticmethod
    def _mask(file: Path, name: str) -> np.ndarray:
        import cv2

        mask = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise ValueError(f'{file}: mask of {name} does not decode')
        return mask
