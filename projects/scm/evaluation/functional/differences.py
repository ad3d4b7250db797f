# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Two runs on the same images, and how far one is ahead of the other."""

from collections.abc import Sequence

import numpy as np

from projects.scm.utils import match_images
from projects.scm.utils.counting import counted

from .bootstrap import DRAWS, LEVEL
from .image_record import ImageRecord
from .report import align
from .summary import Summary, is_trivial

HEADER = (
    *('protocol', 'metric', 'value', 'other run'),
    *('difference', f'{LEVEL:.0%} interval'),
)
NOTE = (
    'Differences: paired bootstrap over the images, percentiles of '
    f'{DRAWS:,} draws, thresholds as they were chosen. One whose interval '
    'holds 0 may be chance.'
)


def pair_records(
    records: Sequence[ImageRecord], others: Sequence[ImageRecord], name: str
) -> list[ImageRecord]:
    """Those of another run, in the order of this one.

    Args:
        records (Sequence[ImageRecord]): Of this run.
        others (Sequence[ImageRecord]): Of the other run.
        name (str): What the other run is called in messages.

    Returns:
        list[ImageRecord]: One of each image of this run.

    Raises:
        ValueError: If one run lacks an image of the other, or it has another
            class or other boxes there.
    """
    places = match_images(
        [record.name for record in records],
        [record.name for record in others],
        ['this run', name],
    )
    paired = [others[place] for place in places]
    for mine, other in zip(records, paired, strict=True):
        if not same_truth(mine, other):
            raise ValueError(
                f'{name}: {mine.name}: another class or other boxes than in '
                f'this run: {other.gt_label} {other.gt_boxes.tolist()}, '
                f'expected {mine.gt_label} {mine.gt_boxes.tolist()}'
            )
    return paired


def same_truth(record: ImageRecord, other: ImageRecord) -> bool:
    """Whether class and boxes of an image are the same in both runs."""
    return record.gt_label == other.gt_label and np.array_equal(
        record.gt_boxes, other.gt_boxes
    )


def format_differences(
    summaries: Sequence[Summary], others: Sequence[Summary], name: str
) -> str:
    """A table of what one run is ahead of another by, with intervals.

    Args:
        summaries (Sequence[Summary]): Of this run, one of each protocol.
        others (Sequence[Summary]): Of the other run, on the same images in
            the same order.
        name (str): What the other run is called.

    Returns:
        str: Several lines, differences in percentage points.
    """
    rows = [list(HEADER)]
    for mine, other in zip(summaries, others, strict=True):
        ours, theirs = mine.accuracies(), other.accuracies()
        for key, lead in mine.leads(other).items():
            if is_trivial(key, mine.num_classes):
                continue
            values = [f'{ours[key]:.2f}', f'{theirs[key]:.2f}']
            interval = f'{lead.low:+.1f} to {lead.high:+.1f}'
            cells = [*values, f'{lead.value:+.2f}', interval]
            rows.append([mine.protocol.name, key, *cells])
    return '\n'.join(
        [
            f'Differences to {name}, on the same '
            f'{counted(summaries[0].num_images, "image")}, percentage '
            'points.',
            align(rows, left=[0, 1]),
            NOTE,
        ]
    )
