# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Puts measures and pictures of test runs into one HTML file."""

import base64
import html
import json
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import numpy as np

from projects.scm.evaluation.functional import (
    ERROR_KINDS,
    Summary,
    is_trivial,
)
from projects.scm.reporting.learning import Learning
from projects.scm.reporting.measures import RunMeasures
from projects.scm.reporting.records import Record
from projects.scm.reporting.summary import (
    figure_name,
    figure_rows,
    summary_table,
    verdict,
)
from projects.scm.structures import as_array, normalize_score_map
from projects.scm.utils.counting import counted
from projects.scm.utils.run_card import RunCard
from projects.scm.visualization.drawing import (
    GT_COLOR,
    PRED_COLOR,
    colorize_map,
)

RUN_COLORS = (
    PRED_COLOR,
    (0, 158, 115),
    (204, 121, 167),
    (213, 94, 0),
    (0, 114, 178),
    (153, 153, 153),
)
"""Boxes and lines of each run, in the colours of Okabe and Ito that are not
the annotation's."""
KINDS = {
    'right': ('Right', 'class right, IoU above 0.5', '#bbcc33'),
    'cls': ('Cls', 'another class predicted', '#ffaabb'),
    'multi_instance': ('M-Ins', 'one box over several objects', '#99ddff'),
    'part': ('Part', 'most of the box lies on the object', '#eedd88'),
    'more': ('More', 'the object and much around it', '#dddddd'),
    'wrong': ('Wrong', 'elsewhere', '#c9b3e6'),
}
"""Name, explanation and colour of the evaluation's kinds of errors: pale, so
that none is taken for that of a run (Paul Tol's light scheme, mostly)."""
CLASS_KINDS = {
    'right': ('Right', 'class right', KINDS['right'][2]),
    'cls': ('Wrong', 'another class predicted', KINDS['cls'][2]),
}
"""The same where there are no true boxes."""
SCRIPTS = ('base.js', 'charts.js', 'pictures.js', 'gallery.js', 'app.js')
NO_CARD = 'Nothing is known of how this file came about.'
NO_ORACLE = 'No figure says which threshold is best: look at the boxes.'
MAX_POINTS = 201
"""Of a curve; finer ones are thinned."""


class Page(NamedTuple):
    """Everything a page shows."""

    title: str
    names: Sequence[str]
    """Name of each run."""
    runs: Sequence[Sequence[Record]]
    """Records of each run, images in one order."""
    measures: Sequence[RunMeasures]
    """Measures of each run."""
    classes: Mapping[int, str]
    """Names of classes; those absent are shown by number."""
    thumbnails: Sequence[bytes]
    """WebP files, one an image."""
    ious: Sequence[float]
    """Overlaps that were evaluated."""
    outlines: Sequence[str] = ()
    """Of each image's mask, in the frame; none, or empty, without masks."""
    cards: Sequence[RunCard] = ()
    """How each run came about."""
    learning: Sequence[Learning | None] = ()
    """Of each run's training."""
    made: str = ''
    """When, by what command and version the page was made."""

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.runs[0][0].found.pred_score)


def encode_map(score_map: np.ndarray) -> str:
    """A grid map for the page: base64 of height, width, then the cells.

    Args:
        score_map (np.ndarray): ``(h, w)``, at most 255 a side, any range.

    Returns:
        str: Base64 of ``2 + h·w`` bytes; cells are min-maxed to 0…255.
    """
    height, width = score_map.shape
    if max(height, width) > 255:
        raise ValueError(
            f'score map: expected at most 255 cells a side, got {height}x'
            f'{width}'
        )
    cells = np.rint(normalize_score_map(score_map) * 255).astype(np.uint8)
    return base64.b64encode(bytes([height, width]) + cells.tobytes()).decode()


def render_page(page: Page) -> str:
    """Write the page as HTML that needs no other file.

    Args:
        page (Page): What to show.

    Returns:
        str: The HTML document.
    """
    if len(page.names) > len(RUN_COLORS):
        raise ValueError(
            f'runs: expected at most {len(RUN_COLORS)}, got {len(page.names)}'
        )
    here = files(__package__)
    thumbs = [base64.b64encode(file).decode() for file in page.thumbnails]
    template = Template(here.joinpath('page.html').read_text('utf-8'))
    return template.substitute(
        title=html.escape(page.title),
        verdict=html.escape(
            verdict(
                [m.main for m in page.measures],
                page.names,
                [m.pixels for m in page.measures],
            )
        ),
        lead=html.escape(_lead(page)),
        summary=summary_table(
            [(m.main, *m.others) for m in page.measures],
            page.names,
            [_css(color) for color in RUN_COLORS[: len(page.names)]],
            page.num_classes,
            [m.pixels for m in page.measures],
        ),
        about=_about(page),
        style=here.joinpath('page.css').read_text('utf-8'),
        script='\n'.join(
            here.joinpath(name).read_text('utf-8') for name in SCRIPTS
        ),
        data=_json(_data(page)),
        thumbs=_json(thumbs),
    )


def _json(value: Any) -> str:
    """JSON that may stand inside a script element."""
    text = json.dumps(value, separators=(',', ':'), ensure_ascii=False)
    return text.replace('<', '\\u003c')


def _data(page: Page) -> dict:
    """What the scripts of the page read."""
    records = [record for run in page.runs for record in run]
    labels = {r.gt_label for r in records} | {r.pred_label for r in records}
    ramp = colorize_map(np.arange(256, dtype=np.float64)[None])
    paths = _short_paths(page.runs[0])
    first = page.measures[0]
    curves = _curves(first, page.ious, page.num_classes)
    outlines = page.outlines or [''] * len(paths)
    kinds = KINDS if first.has_boxes else CLASS_KINDS
    return {
        'images': [
            [
                path,
                *record.size_wh,
                record.gt_label,
                np.round(record.gt_bboxes, 1).tolist(),
                outline,
            ]
            for path, record, outline in zip(
                paths, page.runs[0], outlines, strict=True
            )
        ],
        'classes': {
            label: page.classes[label]
            for label in sorted(labels)
            if label in page.classes
        },
        'kinds': [
            dict(
                zip(('name', 'text', 'color'), kinds[key], strict=True),
                key=key,
            )
            for key in ERROR_KINDS
            if key in kinds
        ],
        'curves': [
            {'name': name, 'thresholds': thresholds}
            for name, thresholds, _ in curves
        ],
        'ious': page.ious,
        'classMeasures': list(_per_class(0, page)),
        'hasBoxes': first.has_boxes,
        'hasMasks': first.pixels is not None,
        'protocol': first.main.protocol.name,
        'floors': _floors(first),
        'taus': np.round(first.taus, 4).tolist(),
        'frame': first.frame_wh,
        'tauNote': '' if first.has_boxes else NO_ORACLE,
        'runs': [_run(index, page) for index in range(len(page.names))],
        'gtColor': _css(GT_COLOR),
        'colors': base64.b64encode(ramp.tobytes()).decode(),
    }


def _short_paths(records: Sequence[Record]) -> list[str]:
    """Paths without the folders that all share: they are nobody's matter."""
    paths = [Path(record.img_path) for record in records]
    shared = os.path.commonpath([path.parent for path in paths])
    return [path.relative_to(shared).as_posix() for path in paths]


def _run(index: int, page: Page) -> dict:
    """Columns of one run: index 0 predicted class, 1 true class."""
    records, measures = page.runs[index], page.measures[index]
    maps = [
        [encode_map(as_array(r.found.map_of(r.pred_label))) for r in records],
        [  # the same map is not stored twice
            None
            if r.right_class
            else encode_map(as_array(r.found.map_of(r.gt_label)))
            for r in records
        ],
    ]
    per_class = _per_class(index, page)
    learning = dict(enumerate(page.learning)).get(index)
    counts = np.bincount(measures.kinds, minlength=len(ERROR_KINDS))
    return {
        'name': page.names[index],
        'color': _css(RUN_COLORS[index]),
        'tau': measures.threshold,
        'pred': [record.pred_label for record in records],
        'score': [round(r.pred_score, 4) for r in records],
        'kind': measures.kinds.tolist(),
        'kindCounts': counts.tolist(),
        'iou': np.round(measures.ious, 4).tolist(),
        'box': np.round(measures.bboxes, 1).tolist(),
        'map': maps,
        'curves': [
            values
            for _, _, values in _curves(measures, page.ious, page.num_classes)
        ],
        'swept': _swept(records, measures),
        'learning': learning
        and {
            'loss': learning.loss,
            'figures': {
                _curve_name(k): v for k, v in learning.figures.items()
            },
        },
        'perClass': {
            label: [round(column[label], 2) for column in per_class.values()]
            for label in next(iter(per_class.values()))
        },
    }


def _swept(records: Sequence[Record], measures: RunMeasures) -> list[dict]:
    """Boxes, overlaps and kinds at all stops of the slider, as base64."""
    # The true class where it has a map of its own on the page.
    own = np.array([not record.right_class for record in records])
    found = []
    for which, rows in enumerate((np.ones_like(own), own)):
        columns = {'box': measures.swept_boxes[which][rows]}
        if measures.has_boxes:
            columns['iou'] = measures.swept_ious[which][rows].astype('<u2')
        if which == 0:
            columns['kind'] = measures.swept_kinds
        found.append(
            {
                name: base64.b64encode(np.ascontiguousarray(c)).decode()
                for name, c in columns.items()
            }
        )
    return found


def _floors(measures: RunMeasures) -> list[list]:
    """Name and percent of boxes that ignore the image, at IoU 0.5."""
    for figure in measures.main.figures.values():
        if figure.iou == 0.5:
            return [
                ['centred square', round(figure.floor_centred_square, 2)],
                ['full image', round(figure.floor_full_image, 2)],
            ]
    return []


def _curve_name(key: str) -> str:
    """``wsol/scm/top1_loc`` for people."""
    *_, protocol, name = ['', *key.split('/')]
    if name.endswith('_cls_acc'):  # the same in all protocols
        return figure_name(name)
    return f'{figure_name(name)} ({protocol})' if protocol else name


def _curves(
    measures: RunMeasures, ious: Sequence[float], num_classes: int
) -> list[tuple[str, list, list]]:
    """Name, thresholds and a line an IoU, of every measure."""
    curves = []
    for summary in (measures.main, *measures.others):
        grid = summary.protocol.grid
        step = -(-len(grid) // MAX_POINTS)
        thin = np.round(grid[::step], 4).tolist()
        for measure in summary.protocol.measures:
            if not summary.figures or is_trivial(measure.name, num_classes):
                continue
            name = f'{figure_name(measure.name)} ({summary.protocol.name})'
            figures = [summary.figures[measure.key(iou)] for iou in ious]
            lines = [np.round(f.curve[::step], 2).tolist() for f in figures]
            curves.append((name, thin, lines))
    return curves


def _per_class(index: int, page: Page) -> dict[str, dict[int, float]]:
    """Main figures of each class in percent, by name, then by class."""
    measures, columns = page.measures[index], {}
    for summary in (measures.main, *measures.others):
        rows = summary.per_class()
        for key, _, is_main in figure_rows(summary):
            if is_main and not is_trivial(key, page.num_classes):
                name = f'{figure_name(key)} ({summary.protocol.name})'
                columns[name] = {row['label']: row[key] for row in rows}
    right: dict[int, list[bool]] = {}
    for record in page.runs[index]:
        right.setdefault(record.gt_label, []).append(record.right_class)
    columns[figure_name('top1_cls_acc')] = {
        label: float(np.mean(right[label]) * 100) for label in sorted(right)
    }
    return columns


def _about(page: Page) -> str:
    """How runs and page came about, as HTML."""
    rows = []
    for name, card in zip_longest(page.names, page.cards, fillvalue=RunCard()):
        versions = ', '.join(f'{k} {v}' for k, v in card.versions.items())
        parts = {
            'config': card.config,
            'checkpoint': card.checkpoint,
            'tested': card.date,
            'command': card.command,
            'versions': versions,
        }
        told = ''.join(
            f'<dt>{key}</dt><dd>{html.escape(value)}</dd>'
            for key, value in parts.items()
            if value
        )
        known = f'<dl>{told}</dl>' if told else f'<p>{NO_CARD}</p>'
        rows.append(f'<h3>{html.escape(name)}</h3>{known}')
    if page.made:
        rows.append(f'<p>{html.escape(page.made)}</p>')
    return ''.join(rows)


def _css(color: Sequence[int]) -> str:
    return '#{:02x}{:02x}{:02x}'.format(*color)


def _lead(page: Page) -> str:
    """What was evaluated, and how the boxes below were made."""
    summary: Summary = page.measures[0].main
    runs = len(page.names)
    several = f'{runs} test runs on ' if runs > 1 else ''
    taus = [
        'Otsu’s of each map' if m.threshold is None else f'{m.threshold:.3g}'
        for m in page.measures
    ]
    if len(set(taus)) == 1:
        shown = taus[0]
    else:
        shown = ', '.join(
            f'{tau} ({name})'
            for tau, name in zip(taus, page.names, strict=True)
        )
    images = counted(len(page.runs[0]), 'image')
    if not summary.figures:
        masks = 'with masks, ' if page.measures[0].pixels else ''
        return (
            f'{several}{images} {masks}without annotated '
            f'boxes. Boxes below are those of protocol '
            f'{summary.protocol.name}: τ {shown}; the slider moves it.'
        )
    return (
        f'{several}{images}. Boxes, overlaps and errors '
        f'below follow protocol {summary.protocol.name} at the threshold of '
        f'{figure_name(summary.errors_of)} ({summary.choice}): τ {shown}.'
    )
