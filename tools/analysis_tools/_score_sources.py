# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Score maps for offline evaluation: a test run, or a folder of arrays."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _annotation_sources import Truth, misfits


class TestRun:
    """The file of ``tools/test.py --out``, with its own annotation or another.

    Args:
        path: The pickle. No code in it is run.
        truths: Ground truth that replaces that of the file.
    """

    __test__ = False  # no test, whatever pytest thinks of the name
    has_ranking = True

    def __init__(self, path: Path, truths: list[Truth] | None) -> None:
        from projects.scm.datasets.annotations import Problems
        from projects.scm.reporting.records import load_records

        self.records = load_records(path)
        self.truths = [record.truth for record in self.records]
        if truths is not None:
            self.truths = self._replaced(path, truths)
            return
        problems = Problems(str(path))
        for record in self.records:
            own = Truth(record.img_path, boxes=record.truth.gt_boxes)
            problems.extend(misfits(own, str(path), record.size_wh))
        problems.check()

    def _replaced(self, path: Path, truths: list[Truth]) -> list[Any]:
        """The annotation with other boxes, in the order of the records."""
        from projects.scm.datasets.annotations import ImageNames, Problems
        from projects.scm.structures import FrameError, fit_frame

        by_name = {truth.name: truth for truth in truths}
        names, reasons = ImageNames(by_name).match(
            record.img_path for record in self.records
        )
        problems = Problems(str(path))
        problems.extend(
            f'{path}: {name}: an extra image, it is not in the annotation: '
            f'{reason}'
            for name, reason in reasons.items()
        )
        problems.extend(
            f'{path}: {name}: missing, an image of the annotation'
            for name in sorted(by_name.keys() - set(names.values()))
        )
        problems.check()
        pairs = [(r, by_name[names[r.img_path]]) for r in self.records]
        _check_labels(path, pairs, problems)
        replaced = []
        for record, truth in pairs:
            own, moved = truth.boxes, 0
            if truth.size_wh not in (None, record.size_wh):
                try:
                    own, _ = fit_frame(
                        own,
                        truth.size_wh,
                        record.size_wh,
                        orientation=_orientation(record.img_path),
                        name=f'{path}: {record.img_path}: ori_shape',
                    )
                    moved = len(own)
                except FrameError as error:
                    problems.add(f'{truth.place(0)}: {error}')
            elif truth.size_wh is None:
                problems.extend(misfits(truth, str(path), record.size_wh))
            replaced.append(
                record.truth._replace(
                    gt_boxes=own, num_cut_boxes=0, num_moved_boxes=moved
                )
            )
        problems.check()
        return replaced

    def __len__(self) -> int:
        return len(self.records)

    def check(self, index: int) -> None:
        """Everything was checked when the file was read."""

    def score(self, plan: Any, index: int) -> Any:
        """Numbers of one image."""
        from projects.scm.evaluation.functional import record_localization

        return record_localization(
            plan, self.records[index].found, self.truths[index]
        )


def _orientation(path: str) -> int:
    """EXIF orientation of a picture, 1 where it is not at hand."""
    from projects.scm.datasets.transforms.box_checks import exif_orientation

    return exif_orientation(path) if os.path.isfile(path) else 1


def _check_labels(
    path: Path, pairs: Sequence[tuple[Any, Truth]], problems: Any
) -> None:
    """Compare the classes of a test run with those of an annotation.

    Its labels are numbers; those of the annotation are the same numbers, or
    ids whose order they tell, or names, each of one number.
    """
    known = [(r, t) for r, t in pairs if t.label is not None]
    for get in (lambda truth: truth.label, lambda truth: truth.order):
        if all(str(get(t)) == str(r.gt_label) for r, t in known):
            return
    numbers: dict[Any, int] = {}
    for record, truth in known:
        expected = truth.label
        if isinstance(truth.label, str) and not truth.label.isdecimal():
            expected = numbers.setdefault(truth.label, record.gt_label)
        if expected != record.gt_label:
            problems.add(
                f'{path}: {record.img_path}: gt_label: {record.gt_label} '
                f'disagrees with {expected} of the annotation'
                + (f' ({truth.label})' if truth.label != expected else '')
            )
    named: dict[int, Any] = {}
    for name, number in numbers.items():
        if named.setdefault(number, name) != name:
            problems.add(
                f'{path}: gt_label: {number} stands for {named[number]!r} and '
                f'{name!r} of the annotation'
            )
    problems.check()


class MapFolder:
    """A folder of ``.npy`` files, the map of the true class of each image.

    The map of the image ``a/b.jpg`` lies in ``a/b.jpg.npy`` or ``a/b.npy``.

    Args:
        folder: The folder.
        truths: Ground truth of all images.
    """

    has_ranking = False

    def __init__(self, folder: Path, truths: list[Truth]) -> None:
        from projects.scm.datasets.annotations import Problems

        self.truths = truths
        problems = Problems(str(folder))
        problems.extend(
            f'{folder}: {truth.name}: the annotation does not tell the size '
            'of the image, expected its width and height'
            for truth in truths
            if truth.size_wh is None and not truth.masks
        )
        problems.check()
        labels = {truth.label for truth in truths} - {None}
        numbers = {label: i for i, label in enumerate(sorted(labels, key=str))}
        if all(isinstance(label, int) for label in labels):
            numbers = {label: label for label in labels}
        self.labels = [numbers.get(truth.label, 0) for truth in truths]
        self.files = []
        for truth in truths:
            try:
                self.files.append(self._find(folder, truth.name))
            except FileNotFoundError as error:
                problems.add(str(error))
        problems.check()
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
        # A name without extension, as those of XML files are.
        pattern = f'{glob.escape(full.stem)}.*.npy'
        found = sorted(full.parent.glob(pattern))
        if len(found) == 1:
            return found[0]
        raise FileNotFoundError(
            f'{folder}: missing image {name}: neither '
            f'{full.relative_to(folder)} nor {short.relative_to(folder)}, and '
            f'{len(found)} files {pattern}'
        )

    def __len__(self) -> int:
        return len(self.files)

    def _read(self, index: int) -> np.ndarray:
        file = self.files[index]
        from projects.scm.utils.files import describe_beginning

        where = f'{file}, map of image {self.truths[index].name}'
        try:
            # Mapped, so that no header makes NumPy reserve memory.
            score_map = np.load(file, mmap_mode='r', allow_pickle=False)
        except Exception as error:  # NumPy raises many kinds
            with file.open('rb') as stream:
                start = stream.read(512)
            reason = f'{error!s:.200}'
            if not start.startswith(b'\x93NUMPY'):
                reason = describe_beginning(start)
            raise ValueError(f'{where}: not an array ({reason})') from error
        if not isinstance(score_map, np.ndarray):
            raise ValueError(f'{where}: an archive, expected one array')
        if score_map.ndim != 2 or score_map.dtype.kind not in 'fiu':
            raise ValueError(
                f'{where}: expected numbers of shape (h, w), got '
                f'{score_map.dtype} of shape {score_map.shape}'
            )
        if score_map.size == 0 or not np.isfinite(score_map).all():
            raise ValueError(f'{where}: empty, or NaN or infinite values')
        return np.array(score_map)

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

    def score_pixels(
        self, frame_size_wh: Sequence[int], index: int
    ) -> np.ndarray:
        """Histograms of one image with masks."""
        from projects.scm.evaluation.functional import record_pixels
        from projects.scm.evaluation.metrics.samples import read_masks

        truth = self.truths[index]
        masks = read_masks(truth.masks, truth.name)
        return record_pixels(
            self._read(index), *masks, frame_size_wh, truth.masks.above
        )
