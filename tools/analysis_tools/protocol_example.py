# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""One drawn image under every protocol: the worked example of the docs.

Example::

    python tools/analysis_tools/protocol_example.py \
        --out docs/images/evaluation_protocols.png

The image has one object. The map of its true class is strong on one part of
the object, weak on the rest, and also high on something else; the model
prefers another class, whose map happens to cover the object well.
"""

import argparse
import io
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run

GT_BOX = (40, 56, 167, 183)
THRESHOLDS = (0.1, 0.2, 0.3, 0.45)


def example_maps() -> dict[str, Any]:
    """Score maps of two classes on the 14 x 14 grid of patches."""
    import numpy as np

    y, x = np.indices((14, 14)) + 0.5

    def bump(centre_x: float, centre_y: float, width: float) -> Any:
        distance = (x - centre_x) ** 2 + (y - centre_y) ** 2
        return np.exp(-distance / (2 * width**2))

    true_class = (
        bump(4.4, 5.4, 1.0)
        + 0.42 * bump(7.6, 8.6, 2.0)
        + 0.7 * bump(11.7, 2.4, 1.5)
    )
    other_class = bump(6.5, 7.5, 2.6)
    return {'true class': true_class, 'predicted class': other_class}


def measure() -> list[dict[str, Any]]:
    """Boxes and overlaps, one row for each way to read a map."""
    import numpy as np

    from projects.scm.evaluation.functional import boxes_at_thresholds
    from projects.scm.structures import (
        iou_inclusive,
        normalize_score_map,
        resize_score_map,
    )

    maps = example_maps()
    rows = []
    for protocol, owner, interpolation, contours, options in (
        ('MaxBoxAcc', 'true class', 'bicubic', 'largest', {}),
        ('MaxBoxAccV2', 'true class', 'bicubic', 'all', {}),
        (
            'TS-CAM',
            'true class',
            'bilinear',
            'largest',
            {'clamp': False, 'empty_box': (0, 0, 1, 1)},
        ),
        ('SCM', 'predicted class', 'bilinear', 'largest', {}),
    ):
        resized = resize_score_map(maps[owner], (224, 224), interpolation)
        score_map = normalize_score_map(resized)
        found = boxes_at_thresholds(score_map, THRESHOLDS, contours, **options)
        boxes = [np.reshape(b, (-1, 4)) for b in found]
        ious = [float(iou_inclusive(b, [GT_BOX]).max()) for b in boxes]
        rows.append(
            {
                'protocol': protocol,
                'map of': owner,
                'map': score_map,
                'boxes': boxes,
                'ious': ious,
            }
        )
    return rows


def format_rows(rows: list[dict[str, Any]]) -> str:
    """The overlaps as a table in Markdown."""
    head = ' | '.join(f'τ = {threshold:g}' for threshold in THRESHOLDS)
    lines = [
        f'| protocol | map of the | {head} |',
        '| --- | --- |' + ' --- |' * len(THRESHOLDS),
    ]
    for row in rows:
        ious = ' | '.join(f'{iou:.3f}' for iou in row['ious'])
        lines.append(f'| {row["protocol"]} | {row["map of"]} | {ious} |')
    return '\n'.join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw maps and boxes, a row for each protocol, and write the file."""
    import matplotlib as mpl
    import numpy as np
    from PIL import Image

    mpl.use('Agg')
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    from projects.scm.utils import write_file

    figure, axes = plt.subplots(
        len(rows),
        len(THRESHOLDS),
        figsize=(2 * len(THRESHOLDS), 2.2 * len(rows)),
        layout='constrained',
        dpi=80,
    )
    for line, row in zip(axes, rows, strict=True):
        for i, axis in enumerate(line):
            axis.imshow(row['map'], cmap='viridis')
            for box, colour in [
                (GT_BOX, 'white'),
                *((b, 'orangered') for b in row['boxes'][i]),
            ]:
                axis.add_patch(
                    Rectangle(
                        (box[0], box[1]),
                        box[2] - box[0],
                        box[3] - box[1],
                        fill=False,
                        edgecolor=colour,
                        linewidth=1.5,
                        linestyle='--' if colour == 'white' else '-',
                    )
                )
            axis.set_title(
                f'τ = {THRESHOLDS[i]:g}, IoU {row["ious"][i]:.2f}', fontsize=8
            )
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(f'{row["protocol"]}\n{row["map of"]}', fontsize=9)
    figure.canvas.draw()
    picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba()))
    plt.close(figure)
    buffer = io.BytesIO()
    # A palette makes the file four times smaller.
    picture.convert('RGB').quantize(128).save(buffer, 'PNG', optimize=True)
    write_file(path, buffer.getvalue())


def main(argv: list[str] | None = None) -> None:
    """Print the table, and draw the picture if asked to."""
    parser = argparse.ArgumentParser(
        description='One drawn image under every protocol.'
    )
    parser.add_argument('--out', type=Path, help='picture to write (.png)')
    args = parser.parse_args(argv)
    make_importable()
    rows = measure()
    print(format_rows(rows))
    if args.out:
        draw(rows, args.out)


if __name__ == '__main__':
    run(main)
