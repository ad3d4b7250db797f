# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A test run as a dataset of FiftyOne: truth, prediction, map, outcome."""

import os
from pathlib import Path
from typing import Any

from projects.scm.apis.outputs import FiftyOneWriter, ResultFolder
from projects.scm.apis.outputs.fiftyone import (
    TRUE_CLASS,
    TRUTH,
    classification,
    detections,
)
from projects.scm.apis.results import picture_map
from projects.scm.evaluation.functional import ERROR_KINDS
from projects.scm.utils.progress import track

from .build import folder_names, read_class_names
from .measures import build_plan, measure_run
from .records import Record, load_records
from .thumbnails import locate

#: Fields of a sample that filters look at.
OUTCOME, IOU = 'outcome', 'iou'


def write_fiftyone_dataset(
    results: str | Path,
    out: str | Path,
    protocol: str = 'scm',
    threshold: str | float | None = None,
    classes: str | Path | None = None,
    data_root: str | Path | None = None,
    overwrite: bool = False,
) -> int:
    """Write what ``fiftyone.types.FiftyOneDataset`` reads.

    Every picture has its true class and boxes, the predicted class with its
    box and map, and ``outcome``, its error kind
    (:data:`~projects.scm.evaluation.functional.ERROR_KINDS`), with ``iou``;
    without true boxes the outcome is ``right`` or ``cls`` and there is no
    IoU. It is what the report page shows.

    Args:
        results (str | Path): Pickle of ``tools/test.py --out``.
        out (str | Path): Folder; the dataset is ``out/fiftyone``.
        protocol (str): Whose boxes and outcomes. Defaults to ``'scm'``.
        threshold (str | float, optional): See
            :func:`~projects.scm.reporting.measures.build_plan`.
        classes (str | Path, optional): File with a class name a line.
            Defaults to None: the folders of the images.
        data_root (str | Path, optional): Where the images are now. Defaults
            to None: the working folder.
        overwrite (bool): Replace the dataset of an earlier run. Defaults to
            False.

    Returns:
        int: The number of pictures.

    Raises:
        FileExistsError: If the folder holds another run.
        FileNotFoundError: If a file or picture is missing.
        ValueError: If a file is not as expected; the message names it.
    """
    plan = build_plan(protocol, threshold)
    records = load_records(results)
    named = read_class_names(classes) if classes else folder_names(records)
    number = len(records[0].found.pred_score)
    names = [named.get(label, str(label)) for label in range(number)]
    paths = locate([record.img_path for record in records], data_root)
    common = os.path.commonpath([path.absolute().parent for path in paths])
    measures = measure_run(plan, track(records, 'Measuring'), [0.5])
    info = dict(
        results=str(results), protocol=protocol, threshold=measures.threshold
    )
    folder = ResultFolder(
        out, [FiftyOneWriter], names, info, overwrite=overwrite
    )
    with folder:
        for index, record in enumerate(track(records, 'Writing')):
            fields = _truth(record, names)
            fields[OUTCOME] = ERROR_KINDS[measures.kinds[index]]
            if measures.has_boxes:
                fields[IOU] = float(measures.ious[0, index])
            path = paths[index].absolute()
            folder.add(
                dict(
                    _found(record, measures.bboxes[0, index]),
                    img_path=str(path),
                    file_name=path.relative_to(common).as_posix(),
                    fields=fields,
                )
            )
    return len(records)


def _found(record: Record, box: Any) -> dict[str, Any]:
    """The predicted class as a result of the inferencer."""
    width, height = record.size_wh
    label = record.pred_label
    index = list(record.found.map_labels).index(label)
    return dict(
        width=width,
        height=height,
        pred_label=label,
        pred_score=record.pred_score,
        bboxes=[box],
        labels=[label],
        scores=[record.pred_score],
        score_maps=[
            picture_map(record.found.score_maps[index], record.size_wh)
        ],
    )


def _truth(record: Record, names: list[str]) -> dict[str, Any]:
    name = names[record.gt_label]
    fields = {TRUE_CLASS: classification(name)}
    if len(record.gt_bboxes):
        boxes = record.gt_bboxes.tolist()
        fields[TRUTH] = detections(boxes, [name] * len(boxes), record.size_wh)
    return fields
