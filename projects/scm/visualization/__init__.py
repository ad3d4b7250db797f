# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pictures of localization results."""

import projects.scm.utils.prepared  # noqa: F401  before mmpretrain

from .drawing import (
    GT_COLOR,
    PRED_COLOR,
    colorize_map,
    draw_boxes,
    draw_mask,
    draw_tags,
    overlay_heatmap,
)
from .panels import Panel, map_caption, stack_sheets, tile_panels
from .reading import open_picture, read_picture
from .samples import input_to_rgb, sample_panels
from .visualizer import WSOLVisualizer
from .writing import write_picture

__all__ = [
    'GT_COLOR',
    'PRED_COLOR',
    'Panel',
    'WSOLVisualizer',
    'colorize_map',
    'draw_boxes',
    'draw_mask',
    'draw_tags',
    'input_to_rgb',
    'map_caption',
    'open_picture',
    'overlay_heatmap',
    'read_picture',
    'sample_panels',
    'stack_sheets',
    'tile_panels',
    'write_picture',
]
