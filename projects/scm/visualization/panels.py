# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pictures side by side, with captions: how a box came about.

Pure functions on arrays, as in :mod:`projects.scm.visualization.drawing`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from projects.scm.utils.checks import check_positive
from projects.scm.visualization.drawing import (
    check_image,
    load_font,
    resize_to_height,
)

_PAPER, _INK = (255, 255, 255), (32, 32, 32)


class Panel(NamedTuple):
    """One picture and the words under it."""

    caption: str
    """One or several lines."""
    image: np.ndarray
    """uint8 (H, W, 3), RGB."""


def class_caption(label: int, classes: Sequence[str] | None) -> str:
    """``3 (wren)``, or ``3`` where nobody tells the names of the classes."""
    return f'{label} ({classes[label]})' if classes else str(label)


def map_caption(name: str, score_map: np.ndarray) -> str:
    """A caption that tells the range, which the colours do not."""
    low, high = np.min(score_map), np.max(score_map)
    return f'{name}\n{low:.3g} … {high:.3g}'


def tile_panels(
    panels: Sequence[Panel],
    columns: int | None = None,
    height: int = 224,
    gap: int = 8,
) -> np.ndarray:
    """Lay panels out in rows, all at one height, with captions below.

    Args:
        panels (Sequence[Panel]): At least one; their pictures may differ in
            size and aspect.
        columns (int, optional): Panels a row. Defaults to None: all in one.
        height (int): Height of every picture in pixels, but for very wide
            ones; see :func:`resize_to_height`. Defaults to 224.
        gap (int): White space between and around panels. Defaults to 8.

    Returns:
        np.ndarray: uint8 ``(H, W, 3)``, RGB.
    """
    if not panels:
        raise ValueError('panels: expected at least one, got none')
    for panel in panels:
        check_image(panel.image)
    columns = len(panels) if columns is None else columns
    check_positive(columns=columns, height=height)
    images = [resize_to_height(panel.image, height) for panel in panels]
    # Captions need some room, however narrow the pictures are.
    cell_w = max(height // 2, *(image.shape[1] for image in images))
    font = load_font(max(9, height // 18))
    probe = ImageDraw.Draw(Image.new('RGB', (1, 1)))
    captions = [_fit(probe, p.caption, cell_w, font) for p in panels]
    boxes = [probe.multiline_textbbox((0, 0), c, font=font) for c in captions]
    text_h = max(int(box[3]) for box in boxes) + gap // 2

    rows = -(-len(panels) // columns)
    columns = min(columns, len(panels))
    step_x, step_y = cell_w + gap, height + text_h + gap
    sheet = Image.new(
        'RGB', (columns * step_x + gap, rows * step_y + gap), _PAPER
    )
    draw = ImageDraw.Draw(sheet)
    for index, (image, caption) in enumerate(
        zip(images, captions, strict=True)
    ):
        row, column = divmod(index, columns)
        x = gap + column * step_x
        y = gap + row * step_y
        offset = (cell_w - image.shape[1]) // 2
        below = (height - image.shape[0]) // 2
        sheet.paste(Image.fromarray(image), (x + offset, y + below))
        draw.multiline_text(
            (x + cell_w / 2, y + height + gap // 2),
            caption,
            fill=_INK,
            font=font,
            anchor='ma',
            align='center',
        )
    return np.array(sheet)


def stack_sheets(sheets: Sequence[np.ndarray]) -> np.ndarray:
    """Put sheets of panels below each other, the left edges aligned.

    Args:
        sheets (Sequence[np.ndarray]): uint8 ``(H, W, 3)``, RGB; at least one.

    Returns:
        np.ndarray: uint8 ``(sum of H, largest W, 3)``, RGB.
    """
    width = max(sheet.shape[1] for sheet in sheets)
    missing = [(0, width - sheet.shape[1]) for sheet in sheets]
    wide = [
        np.pad(sheet, ((0, 0), right, (0, 0)), constant_values=_PAPER[0])
        for sheet, right in zip(sheets, missing, strict=True)
    ]
    return np.concatenate(wide)


def _fit(
    draw: ImageDraw.ImageDraw, caption: str, width: int, font: object
) -> str:
    """Break lines that are wider than the panel; cut words that are."""
    lines = []
    for line in caption.split('\n'):
        words = line.split(' ')
        current = words.pop(0)
        for word in words:
            if draw.textlength(f'{current} {word}', font=font) <= width:
                current = f'{current} {word}'
            else:
                lines.append(current)
                current = word
        lines.append(current)
    return '\n'.join(_cut(draw, line, width, font) for line in lines)


def _cut(
    draw: ImageDraw.ImageDraw, line: str, width: int, font: object
) -> str:
    """Cut a line to a width, with an ellipsis."""
    while len(line) > 1 and draw.textlength(line, font=font) > width:
        line = line.removesuffix('…')[:-1] + '…'
    return line
