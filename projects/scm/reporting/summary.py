# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The table of all figures, with thresholds and how they were chosen."""

import html
from collections.abc import Sequence

from projects.scm.evaluation.functional import (
    DRAWS,
    LEVEL,
    Figure,
    Interval,
    Measure,
    PixelFigures,
    Summary,
    is_trivial,
)
from projects.scm.evaluation.functional.report import NO_BOXES
from projects.scm.utils.counting import counted

NAMES = {
    'top1_cls_acc': 'Top-1 classification',
    'top5_cls_acc': 'Top-5 classification',
    'top1_loc': 'Top-1 Loc',
    'top5_loc': 'Top-5 Loc',
    'gt_known_acc': 'GT-known',
    'gt_known_top5_acc': 'GT-known, top-5 maps',
    'max_box_acc': 'MaxBoxAcc',
    'max_box_acc_v2': 'MaxBoxAccV2',
}
MAPS = {
    'gt': 'map of the true class',
    'top1': 'map of the predicted class',
    'top5': 'any map of the five best classes',
}
ORACLE_NOTE = (
    '“oracle” thresholds were chosen on the very images they are reported '
    'on: an advantage that no user of the method has.'
)
INTERVALS_NOTE = (
    f'Small figures in brackets: {LEVEL:.0%} intervals of a bootstrap over '
    f'the images, paired for differences of runs (percentiles of {DRAWS:,} '
    'draws, thresholds as they were chosen). A difference whose interval '
    'holds 0 may be chance.'
)

MASKS_NOTE = (
    'Masks: pixels of all images together. Everything as foreground has '
    '{0.full_image:.2f} in both; squares around the centre have '
    '{0.centred_pxap:.2f} and {0.centred_iou:.2f}.'
)

BEST_NOTE = '● is the largest of a row.'


def verdict(
    summaries: Sequence[Summary],
    names: Sequence[str],
    pixels: Sequence[PixelFigures | None] = (),
) -> str:
    """What the page shows, in one sentence.

    Args:
        summaries (Sequence[Summary]): Of the protocol in front, of each run.
        names (Sequence[str]): Of the runs.
        pixels (Sequence[PixelFigures | None]): Against masks, of each run.
            Defaults to ().

    Returns:
        str: Text.
    """
    first = summaries[0]
    several = len(names) > 1

    def each(values: Sequence[float]) -> str:
        return ', '.join(
            (f'{name} {value:.0f} %' if several else f'{value:.0f} %')
            for name, value in zip(names, values, strict=True)
        )

    if first.figures:
        figures = [s.figures['gt_known_acc'] for s in summaries]
        return (
            f'{each([f.value for f in figures])} of '
            f'{counted(first.num_images, "box", "boxes")} right; a centred '
            f'square: {figures[0].floor_centred_square:.0f} %.'
        )
    if any(pixels):
        return (
            f'PxAP {each([p.pxap for p in pixels])}; squares around the '
            f'centre: {pixels[0].centred_pxap:.0f} %.'
        )
    if not first.classification:
        return NO_BOXES
    right = each([s.classification['top1_cls_acc'] for s in summaries])
    return (
        f'{right} of {counted(first.num_images, "class", "classes")} right; '
        'how many boxes are, nobody has annotated.'
    )


def figure_name(key: str) -> str:
    """Name of a figure for people."""
    name, _, iou = key.partition('_iou')
    suffix = f', IoU {float(iou) / 100:.10g}' if iou else ''
    return NAMES.get(name, name) + suffix


def figure_rows(summary: Summary) -> list[tuple[str, Measure, bool]]:
    """Figures of a protocol: key, measure, whether it is a main figure.

    Main figures are those that the protocol is known for: at IoU 0.5, or the
    mean over several.
    """
    return [
        (key, measure, key == measure.name)
        for measure in summary.protocol.measures
        for key in summary.figures
        if key.partition('_iou')[0] == measure.name
    ]


def summary_table(
    summaries: Sequence[Sequence[Summary]],
    names: Sequence[str],
    colors: Sequence[str],
    num_classes: int,
    pixels: Sequence[PixelFigures | None] = (),
) -> str:
    """The table as HTML, a column a run, with notes.

    Args:
        summaries (Sequence[Sequence[Summary]]): Of each run, by protocol.
        names (Sequence[str]): Of the runs.
        colors (Sequence[str]): CSS colours of the runs.
        num_classes (int): Below six, figures of five classes are left out.
        pixels (Sequence[PixelFigures | None]): Against masks, of each run.
            Defaults to ().

    Returns:
        str: HTML.
    """
    width = 1 + len(names)
    main = [_classification(summaries, num_classes)]
    detail = []
    boxed = bool(summaries[0][0].figures)
    for of_runs in zip(*summaries, strict=True) if boxed else ():
        first = of_runs[0]
        intervals = _intervals(of_runs)
        main.append(_band(first, width))
        detail.append(_band(first, width))
        for key, measure, is_main in figure_rows(first):
            if is_trivial(key, num_classes):
                continue
            row = _figure_row(key, measure, of_runs, intervals[key])
            (main if is_main else detail).append(row)
    masks_note = ''
    if any(pixels):
        main += _mask_rows(pixels, width)
        masks_note = _note(MASKS_NOTE.format(pixels[0]))
    head = ''.join(
        f'<th scope="col"><span class="swatch" style="background:{color}">'
        f'</span>{html.escape(name)}</th>'
        for name, color in zip(names, colors, strict=True)
    )
    intervals_note = INTERVALS_NOTE
    if len(names) > 1:
        intervals_note += f' {BEST_NOTE}'
    if not boxed:
        return (
            _table(head, main)
            + (masks_note or _note(NO_BOXES))
            + _note(intervals_note)
        )
    oracle = any(run[0].choice.type == 'oracle' for run in summaries)
    return (
        _table(head, main)
        + _note(intervals_note)
        + (_note(ORACLE_NOTE) if oracle else '')
        + _note(_floors_text(summaries[0]))
        + masks_note
        + '<details><summary>At the other overlaps</summary>'
        + _table(head, detail)
        + '</details>'
    )


def _table(head: str, rows: Sequence[str]) -> str:
    return (
        '<div class="scroll" tabindex="0" role="region" '
        'aria-label="Measures"><table><thead><tr>'
        f'<th scope="col">In %</th>{head}</tr></thead>'
        f'<tbody>{"".join(rows)}</tbody></table></div>'
    )


def _note(text: str) -> str:
    return f'<p class="note">{html.escape(text)}</p>'


def _floors_text(summaries: Sequence[Summary]) -> str:
    """What boxes reach that ignore the image; the same for all runs."""
    floors = {
        figure.iou: (figure.floor_full_image, figure.floor_centred_square)
        for summary in summaries
        for figure in summary.figures.values()
        if figure.iou is not None
    }
    parts = [
        f'{full:.2f} and {square:.2f} at IoU {iou:g}'
        for iou, (full, square) in sorted(floors.items())
    ]
    return (
        'Floors: the full image and the best centred square, granted the '
        f'right class, reach {"; ".join(parts)}.'
    )


def _band(summary: Summary, width: int) -> str:
    """A line that says what a protocol does."""
    protocol = summary.protocol
    text = (
        f'{protocol.interpolation} maps, thresholds in steps of '
        f'{protocol.step:g}'
    )
    return _band_row(f'Protocol {protocol.name}', text, width)


def _band_row(name: str, text: str, width: int) -> str:
    return (
        f'<tr class="band"><th colspan="{width}" scope="rowgroup">'
        f'{html.escape(name)}<small>{html.escape(text)}</small></th></tr>'
    )


def _mask_rows(pixels: Sequence[PixelFigures], width: int) -> list[str]:
    """Figures of pixels, one run a column."""
    taus = [f'τ {found.threshold:.3g}, oracle' for found in pixels]
    return [
        _band_row('Masks', 'map of the true class, pixel by pixel', width),
        _row(
            'PxAP',
            'area under precision and recall, all thresholds',
            [found.pxap for found in pixels],
            [''] * len(pixels),
        ),
        _row(
            'Pixel IoU',
            'at the threshold that is best for these images',
            [found.peak_pixel_iou for found in pixels],
            taus,
        ),
    ]


def _intervals(
    summaries: Sequence[Summary],
) -> dict[str, list[list[Interval]]]:
    """By figure, of each run: its interval, then its lead over the first."""
    first, *others = summaries
    found = {key: [[own]] for key, own in first.intervals().items()}
    for run in others:
        leads = run.leads(first)
        for key, own in run.intervals().items():
            found[key].append([own, leads[key]])
    return found


def _interval_text(intervals: Sequence[Interval]) -> str:
    own, *leads = intervals
    text = f'({own.low:.1f} to {own.high:.1f})'
    for lead in leads:
        text += (
            f'\n{lead.value:+.1f} ({lead.low:+.1f} to {lead.high:+.1f}) '
            'to the first run'
        )
    return text.replace('-', '−')


def _classification(
    summaries: Sequence[Sequence[Summary]], num_classes: int
) -> str:
    rows = []
    intervals = _intervals([run[0] for run in summaries])
    for key in summaries[0][0].classification:
        if is_trivial(key, num_classes):
            continue
        values = [run[0].classification[key] for run in summaries]
        notes = list(map(_interval_text, intervals[key]))
        rows.append(_row(figure_name(key), '', values, notes))
    return ''.join(rows)


def _figure_row(
    key: str,
    measure: Measure,
    summaries: Sequence[Summary],
    intervals: Sequence[Sequence[Interval]],
) -> str:
    figures = [summary.figures[key] for summary in summaries]
    return _row(
        figure_name(key),
        _describe(measure, figures[0].iou),
        [figure.value for figure in figures],
        [
            f'{_interval_text(own)}\n{_threshold_text(summary, figure)}'
            for summary, figure, own in zip(
                summaries, figures, intervals, strict=True
            )
        ],
    )


def _describe(measure: Measure, iou: float | None) -> str:
    """What a measure counts, in words."""
    sign = '>' if measure.strict else '≥'
    overlap = 'mean over IoUs' if iou is None else f'IoU {sign} {iou:g}'
    parts = ['class right'] if measure.needs_class else []
    parts += [overlap, MAPS[measure.maps]]
    if measure.contours == 'all':
        parts.append('any contour')
    return ', '.join(parts)


def _threshold_text(summary: Summary, figure: Figure) -> str:
    """The threshold, how it was chosen, and what other choices would give."""
    choice = str(summary.choice)
    if choice == 'otsu':
        text = 'Otsu of each map'
    elif figure.threshold is None:
        text = f'a τ an IoU, {choice}'
    else:
        text = f'τ {figure.threshold:.3g}, {choice}'
    others = []
    if choice != 'oracle':
        others.append(f'oracle {figure.oracle:.2f}')
    if choice != 'otsu':
        others.append(f'Otsu {figure.otsu:.2f}')
    return f'{text}\n{" · ".join(others)}'


def _row(
    name: str,
    text: str,
    values: Sequence[float],
    notes: Sequence[str],
) -> str:
    best = max(values)
    several = min(values) < best
    cells = ''.join(
        f'<td{" class=best" if several and value == best else ""}>'
        f'<b>{value:.2f}</b>'
        + ''.join(
            f'<small>{html.escape(line)}</small>'
            for line in note.split('\n')
            if line
        )
        + '</td>'
        for value, note in zip(values, notes, strict=True)
    )
    return (
        f'<tr><th scope="row">{html.escape(name)}'
        f'<small>{html.escape(text)}</small></th>{cells}</tr>'
    )
