# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Curves over the score map threshold, as PNG and SVG."""

import io
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

STYLES = {'_iou30': ':', '_iou70': '--'}
"""Lines of overlaps, as on the report's page; solid is 0.5."""
CLOSE = 0.5
"""Curves whose mean distance is less run together, in percent."""


def draw_curves(content: dict[str, Any], path: Path) -> None:
    """Draw what ``eval_wsol.py`` has computed.

    Args:
        content: The figures of one evaluation.
        path: Without its ending; ``.png`` and ``.svg`` are written.
    """
    import matplotlib as mpl

    mpl.use('Agg')
    from matplotlib import pyplot as plt

    from projects.scm.utils import write_file

    panels = content.get('protocols') or [content['masks']]
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(6 * len(panels), 4.5),
        squeeze=False,
        layout='constrained',
    )
    for axis, panel in zip(axes[0], panels, strict=True):
        _draw(axis, panel)
        axis.set(xlabel='threshold', ylabel='percent')
        axis.set(xlim=(0, 1), ylim=(0, 100))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    for ending in ('png', 'svg'):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=ending, dpi=120)
        write_file(path.with_name(f'{path.name}.{ending}'), buffer.getvalue())
    plt.close(figure)


def curve_styles(
    curves: Mapping[str, Any],
) -> dict[str, tuple[tuple[float, ...], str, float]]:
    """How to draw the curves of a panel.

    A measure has a colour of the report's page and an overlap a kind of line.
    Of curves that run together, those that come later are thinner: all are
    seen.

    Args:
        curves: Percents by key, in the order in which they are drawn.

    Returns:
        dict: Colour (RGB in 0…1), line style and width in points, by key.
    """
    from projects.scm.reporting.page import RUN_COLORS

    measures = dict.fromkeys(key.partition('_iou')[0] for key in curves)
    colors = dict(zip(measures, cycle(RUN_COLORS)))
    drawn: list[np.ndarray] = []
    styles = {}
    for key in reversed(curves):
        # The last stays thinnest.
        curve = np.asarray(curves[key])
        covering = sum(np.abs(curve - c).mean() < CLOSE for c in drawn)
        drawn.append(curve)
        styles[key] = (
            tuple(value / 255 for value in colors[key.partition('_iou')[0]]),
            STYLES.get(key[-6:], '-'),
            1.2 + 2 * covering,
        )
    return {key: styles[key] for key in curves}


def _draw(axis: Any, panel: dict[str, Any]) -> None:
    """Figures over the threshold; a dot where that was chosen."""
    figures = panel.get('figures')
    curves = dict(panel['curves'])
    thresholds = curves.pop('thresholds')
    for key, (color, style, width) in curve_styles(curves).items():
        (line,) = axis.plot(thresholds, curves[key], style, label=key)
        line.set(color=color, linewidth=width)
        if figures and figures[key]['threshold'] is not None:
            place = figures[key]['threshold'], figures[key]['value']
            axis.plot(*place, 'o', color=color, markersize=2 + 2 * width)
    if figures is None:
        peak = f'peak IoU {panel["peak_pixel_iou"]:.2f}'
        axis.set_title(f'PxAP {panel["pxap"]:.2f}, {peak}')
    else:
        choice = f'threshold: {panel["threshold_choice"]}'
        axis.set_title(f'{panel["protocol"]}, {choice}')
