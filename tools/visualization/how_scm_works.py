# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Draw the figures of docs/how_scm_works.md.

The picture, its semantic map and its attention are drawn, not learned, so
that every step can be followed; the steps are those of the library.

Example::

    python tools/visualization/how_scm_works.py --out docs/images
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Draw the figures of docs/how_scm_works.md.'
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('docs/images'),
        help='folder; defaults to docs/images',
    )
    return parser.parse_args()


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

GRID, SIDE = 14, 224
THRESHOLD = 0.3
COLORS = ((205, 222, 233), (104, 133, 82), (166, 90, 52), (70, 48, 40))
# Three classes: bird, sky, grass.
MEANINGS = ((-0.3, 3.0, 0.2), (-0.3, 0.2, 3.0), (2.2, 1.0, 0.8), (4, 0.3, 0.3))


def draw_regions() -> np.ndarray:
    """Sky 0, grass 1, body 2, head 3: uint8 (SIDE, SIDE)."""
    regions = np.zeros((SIDE, SIDE), np.uint8)
    cv2.rectangle(regions, (0, 168), (SIDE, SIDE), 1, -1)
    cv2.ellipse(regions, (120, 120), (62, 36), 25, 0, 360, 2, -1)
    cv2.circle(regions, (64, 80), 25, 3, -1)
    return regions


def make_maps() -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
    """The picture, S⁰ (1, 3, GRID, GRID) and F⁰ (1, GRID, GRID)."""
    rng = np.random.default_rng(0)
    regions = draw_regions()
    picture = np.array(COLORS, np.float64)[regions]
    picture += rng.normal(0, 4, picture.shape)
    picture = cv2.GaussianBlur(
        picture.clip(0, 255).astype(np.uint8), (5,) * 2, 0
    )
    shares = np.stack([regions == i for i in range(len(COLORS))], -1)
    shares = cv2.resize(
        shares.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA
    )
    semantic = shares @ np.array(MEANINGS, np.float32)
    semantic += rng.normal(0, 0.08, semantic.shape)
    attention = shares @ np.array((0.05, 0.08, 0.25, 1.0), np.float32)
    attention += rng.uniform(0, 0.06, attention.shape)
    attention[2, 11] = 0.45  # class tokens do look at odd places
    return (
        picture,
        torch.from_numpy(semantic).permute(2, 0, 1)[None].float(),
        torch.from_numpy(attention)[None].float(),
    )


def main() -> None:
    """Draw and write the figures."""
    args = parse_args()
    make_importable()
    import projects.scm.register  # noqa: F401
    from projects.scm.models.calibration import (
        ActivationDiffusionBlock,
        SpatialCalibration,
        min_max,
    )
    from projects.scm.models.calibration.grid_operator import grid_cosine
    from projects.scm.structures import score_map_to_boxes
    from projects.scm.visualization import (
        PRED_COLOR,
        Panel,
        colorize_map,
        draw_boxes,
        map_caption,
        overlay_heatmap,
        tile_panels,
        write_picture,
    )

    picture, semantic, attention = make_maps()
    attention = min_max(attention)

    def panel(name: str, score_map: torch.Tensor) -> Panel:
        score_map = score_map.detach().numpy()
        drawn = overlay_heatmap(picture, score_map, opacity=0.8)
        return Panel(map_caption(name, score_map), drawn)

    def blocks(name: str, score_map: torch.Tensor) -> Panel:
        score_map = score_map.detach().numpy()
        drawn = cv2.resize(
            colorize_map(score_map),
            (SIDE, SIDE),
            interpolation=cv2.INTER_NEAREST,
        )
        return Panel(map_caption(name, score_map), drawn)

    score_map = attention[0] * semantic[0, 0]
    boxes = score_map_to_boxes(score_map.numpy(), THRESHOLD, (SIDE, SIDE))
    coupling = [
        Panel('picture\n', picture),
        panel('attention F⁰', attention[0]),
        panel('semantic map S⁰, bird', semantic[0, 0]),
        panel('score map F⁰ ∘ S⁰', score_map),
        Panel(
            f'box at τ {THRESHOLD}\n', draw_boxes(picture, boxes, PRED_COLOR)
        ),
    ]

    with torch.no_grad():
        steps = SpatialCalibration().trace(semantic, attention)
        _, right, down = grid_cosine(semantic)
        right = torch.nn.functional.pad(1 - right, (0, 1)).view(GRID, GRID)
        right[:, -1] = 0
        down = torch.nn.functional.pad(1 - down, (0, GRID)).view(GRID, GRID)
        weights = right + down
        weights[:, 1:] += right[:, :-1]
        weights[1:] += down[:-1]
        spot = torch.zeros_like(attention)
        spot[0, 5, 5] = 1
        diffusion = [
            blocks('couplings, Σ (1 − E)', weights),
            blocks('attention at one place', spot[0]),
        ]
        cosine = grid_cosine(semantic)
        for iterations in (4, 16, None):
            block = ActivationDiffusionBlock(iterations)
            name = 'exact' if iterations is None else f'p = {iterations}'
            diffusion.append(
                blocks(f'o, {name}', block.activation(cosine, spot)[0])
            )

    calibration = [panel('F⁰', attention[0])]
    calibration += [
        panel(f'F after block {i}', after[0])
        for i, (_, after) in enumerate(steps, 1)
    ]
    calibration += [panel('S⁰, bird', semantic[0, 0])]
    calibration += [
        panel(f'S after block {i}', after[0, 0])
        for i, (after, _) in enumerate(steps, 1)
    ]
    for name, panels in (
        ('coupling', coupling),
        ('diffusion', diffusion),
        ('calibration', calibration),
    ):
        sheet = tile_panels(panels, columns=5, height=SIDE)
        write_picture(args.out / f'how_{name}.png', sheet)
        print(f'wrote {args.out / f"how_{name}.png"}')


if __name__ == '__main__':
    run(main)
