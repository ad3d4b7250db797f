# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Curves over the score map threshold, as PNG and SVG."""

import io
from pathlib import Path
from typing import Any


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
        if 'figures' in panel:
            _draw_boxes(axis, panel)
        else:
            _draw_masks(axis, panel)
        axis.set(xlabel='threshold', ylabel='percent', xlim=(0, 1))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    for ending in ('png', 'svg'):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=ending, dpi=120)
        write_file(path.with_name(f'{path.name}.{ending}'), buffer.getvalue())
    plt.close(figure)


def _draw_boxes(axis: Any, panel: dict[str, Any]) -> None:
    """Accuracy over the threshold; a dot where the threshold was chosen."""
    curves = dict(panel['curves'])
    thresholds = curves.pop('thresholds')
    for key, curve in curves.items():
        figure = panel['figures'][key]
        (line,) = axis.plot(thresholds, curve, label=key, linewidth=1)
        if figure['threshold'] is not None:
            axis.plot(
                figure['threshold'],
                figure['value'],
                'o',
                color=line.get_color(),
                markersize=4,
            )
    axis.set_title(
        f'{panel["protocol"]}, threshold: {panel["threshold_choice"]}'
    )
    axis.set_ylim(0, 100)


def _draw_masks(axis: Any, panel: dict[str, Any]) -> None:
    """Precision, recall and IoU of pixels over the threshold."""
    curves = dict(panel['curves'])
    thresholds = curves.pop('thresholds')
    for key, curve in curves.items():
        axis.plot(thresholds, curve, label=key, linewidth=1)
    axis.set_title(
        f'PxAP {panel["pxap"]:.2f}, peak IoU {panel["peak_pixel_iou"]:.2f}'
    )
    axis.set_ylim(0, 100)
