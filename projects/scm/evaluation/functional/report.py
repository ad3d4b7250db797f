# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Summaries as text that says how every number came about."""

from collections.abc import Sequence

from projects.scm.utils.counting import counted

from .bootstrap import DRAWS, LEVEL, Interval
from .pixel_figures import PixelFigures
from .summary import Figure, Summary, is_trivial

HEADER = (
    'protocol',
    'metric',
    'value',
    f'{LEVEL:.0%} interval',
    'threshold',
    'chosen by',
    'oracle',
    'otsu',
    'full image',
    'centred square',
)

#: How intervals were made.
INTERVALS = (
    f'Intervals: bootstrap over the images, percentiles of {DRAWS:,} draws, '
    'thresholds as they were chosen.'
)

#: Why there are no localization figures.
NO_BOXES = (
    'No localization figures: the images have no annotated boxes '
    '(with_boxes=False), so that nothing says where the objects are.'
)

#: What stands in the place of a threshold, by how thresholds are chosen.
NO_NUMBER = {'otsu': 'per map', 'none': ''}


def align(
    rows: Sequence[Sequence[str]], left: Sequence[int] = (0, 1, 5)
) -> str:
    """Columns of equal width, some to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        '  '.join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, '-' * max(map(len, lines)))
    return '\n'.join(lines)


def _interval(interval: Interval) -> str:
    return f'{interval.low:.1f} to {interval.high:.1f}'


def _figure_row(
    summary: Summary, key: str, figure: Figure, interval: Interval
) -> list[str]:
    if figure.threshold is not None:
        threshold = f'{figure.threshold:.4g}'
    else:
        threshold = NO_NUMBER.get(summary.choice.type, 'per IoU')
    oracle, otsu = f'{figure.oracle:.2f}', f'{figure.otsu:.2f}'
    if summary.choice.type == 'none':
        oracle = otsu = ''
    elif summary.choice.type != 'oracle':
        oracle += f' ({figure.oracle_gap:+.2f})'
    return [
        summary.protocol.name,
        key,
        f'{figure.value:.2f}',
        _interval(interval),
        threshold,
        str(summary.choice),
        oracle,
        otsu,
        f'{figure.floor_full_image:.2f}',
        f'{figure.floor_centred_square:.2f}',
    ]


def _pixel_rows(pixels: PixelFigures) -> list[list[str]]:
    full = f'{pixels.full_image:.2f}'
    peak = f'{pixels.peak_pixel_iou:.2f}'
    cells = [
        [f'{pixels.pxap:.2f}', '', '', 'all', '', '', full],
        [peak, '', f'{pixels.threshold:.4g}', 'oracle', peak, '', full],
    ]
    floors = (pixels.centred_pxap, pixels.centred_iou)
    return [
        ['masks', name, *row, f'{floor:.2f}']
        for name, row, floor in zip(
            ('pxap', 'peak_pixel_iou'), cells, floors, strict=True
        )
    ]


def format_table(
    summaries: Sequence[Summary],
    split: str | None = None,
    pixels: PixelFigures | None = None,
) -> str:
    """A table of all figures, with thresholds, their choice and floors.

    Args:
        summaries (Sequence[Summary]): Of one set of images, at least one
            unless ``pixels`` are given.
        split (str, optional): What the set is called. Defaults to None.
        pixels (PixelFigures, optional): Of the same set, if it has masks.
            Defaults to None.

    Returns:
        str: Several lines. Without boxes, classification and why there is
        no more.
    """
    rows: list[list[str]] = [list(HEADER)]
    for summary in summaries:
        intervals = summary.intervals()
        for key, value in summary.classification.items():
            if is_trivial(key, summary.num_classes):
                continue
            cells = [f'{value:.2f}', _interval(intervals[key])]
            blanks = [''] * (len(HEADER) - 4)
            rows.append([summary.protocol.name, key, *cells, *blanks])
        for key, figure in summary.figures.items():
            if not is_trivial(key, summary.num_classes):
                rows.append(_figure_row(summary, key, figure, intervals[key]))
    name = f'split {split!r}' if split else 'a split without name'
    have_figures = any(summary.figures for summary in summaries)
    if pixels is not None:
        rows += _pixel_rows(pixels)
    elif not have_figures:
        lines = [
            f'Classification on {name}, '
            f'{counted(summaries[0].num_images, "image")}, percent.',
            INTERVALS,
            NO_BOXES,
        ]
        if len(rows) > 1:
            # The same in all protocols: of the images alone.
            kept = (len(rows) - 1) // len(summaries)
            cut = [row[1:4] for row in rows[: kept + 1]]
            lines.insert(1, align(cut, left=[0]))
        return '\n'.join(lines)
    num_images = (pixels or summaries[0]).num_images
    lines = [
        f'Localization on {name}, {counted(num_images, "image")}, percent. '
        'The floors are boxes that ignore the image, whatever the class.',
        align(rows),
        *[INTERVALS] * bool(summaries),
    ]
    for summary in summaries:
        if summary.errors:
            shares = ', '.join(
                f'{kind} {share:.2f}' for kind, share in summary.errors.items()
            )
            at = '' if summary.choice.type == 'none' else 'at the threshold '
            lines.append(
                f'{summary.protocol.name}: errors {at}of '
                f'{summary.errors_of}: {shares}'
            )
    cut = sum(s.num_cut_boxes for s in summaries[:1])
    if cut:
        lines.append(
            f'Annotated boxes that left their image and were cut: {cut}.'
        )
    moved = sum(s.num_moved_boxes for s in summaries[:1])
    if moved:
        lines.append(
            'Boxes that were annotated in their image at another size, or '
            f'turned, and were moved: {moved}.'
        )
    if pixels is not None:
        lines.append(
            'masks: all pixels of all images; the centred square of pxap '
            'ranks pixels by the squares around the centre that hold them.'
        )
        if not have_figures:
            lines.append('No figures of boxes: the images have none.')
    if pixels or any(s.choice.type == 'oracle' for s in summaries):
        lines.append(
            "'oracle' thresholds were chosen on the very images they are "
            'evaluated on: an advantage that no user of the method has.'
        )
    return '\n'.join(lines)
