# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pictures of localization results."""

from .drawing import (
    GT_COLOR,
    PRED_COLOR,
    colorize_map,
    draw_boxes,
    draw_mask,
    overlay_heatmap,
)
from .panels import Panel, map_caption, tile_panels
from .reading import open_picture, read_picture
from .visualizer import WSOLVisualizer

__all__ = [
    'GT_COLOR',
    'PRED_COLOR',
    'Panel',
    'WSOLVisualizer',
    'colorize_map',
    'draw_boxes',
    'draw_mask',
    'map_caption',
    'open_picture',
    'overlay_heatmap',
    'read_picture',
    'tile_panels',
]
