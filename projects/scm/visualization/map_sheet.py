# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Maps of several models beside each other, without the pictures."""

from collections.abc import Mapping, Sequence

import numpy as np

from projects.scm.structures import resize_score_map

from .drawing import GT_COLOR, colorize_map, draw_boxes
from .panels import Panel, stack_sheets, tile_panels


def draw_maps(
    rows: Mapping[
        str,
        Sequence[tuple[Mapping[str, np.ndarray], np.ndarray, tuple[int, int]]],
    ],
) -> np.ndarray:
    """Draw maps with the boxes of the objects, one row a model.

    Args:
        rows (Mapping[str, Sequence[tuple]]): By name of a model, of each image
            its maps by name, (h, w) of any range, its boxes, (m, 4) half-open
            ``x0, y0, x1, y1`` in the frame, and width and height of the frame.

    Returns:
        np.ndarray: uint8 (H, W, 3), RGB. Colours go from the smallest to the
        largest number of each map.

    Raises:
        ValueError: If there is no image.
    """
    sheets = []
    for model, images in rows.items():
        panels = [
            Panel(f'{model}\n{name}', _draw(score_map, boxes, frame_wh))
            for maps, boxes, frame_wh in images
            for name, score_map in maps.items()
        ]
        sheets.append(tile_panels(panels, height=112))
    if not sheets:
        raise ValueError('rows: expected at least one, got none')
    return stack_sheets(sheets)


def _draw(
    score_map: np.ndarray, boxes: np.ndarray, frame_wh: tuple[int, int]
) -> np.ndarray:
    drawn = colorize_map(resize_score_map(score_map, frame_wh))
    return draw_boxes(drawn, boxes, GT_COLOR)
