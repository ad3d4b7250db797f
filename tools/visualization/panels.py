# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Draw how models come to their boxes: the maps of one picture, as panels.

Example, TS-CAM and SCM below each other::

    python tools/visualization/panels.py photo.jpg \
        --model configs/scm_deit-s_cub.py scm.pth \
        --model configs/tscam_deit-s_cub.py tscam.pth \
        --layers --calibration --out panels.png
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _options import add_trust_option
from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Image, class-token attention, semantic map, score map, '
        'mask and box of one picture, a row a model.'
    )
    parser.add_argument('image', help='the picture')
    parser.add_argument(
        '--model',
        nargs=2,
        action='append',
        required=True,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='may be given several times; one row each',
    )
    parser.add_argument(
        '--out', default='panels.png', help='defaults to panels.png'
    )
    parser.add_argument(
        '--layers',
        action='store_true',
        help='add the class-token attention of every layer',
    )
    parser.add_argument(
        '--calibration',
        action='store_true',
        help='add the maps after every calibration block (SCM)',
    )
    parser.add_argument(
        '--label',
        help='name or index of the class to explain, else the predicted one',
    )
    parser.add_argument(
        '--threshold', type=float, help="else that of the head's box_cfg"
    )
    parser.add_argument(
        '--bbox',
        nargs=4,
        type=float,
        action='append',
        default=[],
        metavar=('X0', 'Y0', 'X1', 'Y1'),
        help='an annotated box to draw, in pixels of the picture',
    )
    parser.add_argument(
        '--height', type=int, default=224, help='of a panel, in pixels'
    )
    parser.add_argument('--device', default='cpu', help='defaults to cpu')
    add_trust_option(parser)
    return parser.parse_args()


def main() -> None:
    """Draw and write the panels."""
    args = parse_args()
    make_importable()
    import projects.scm.register  # noqa: F401, I001
    from mmpretrain.apis import get_model
    from projects.scm.apis.checkpoints import check_model, load_weights
    from projects.scm.apis.choices import parse_target, resolve_target
    from projects.scm.utils.trust import trusted
    from projects.scm.visualization import (
        stack_sheets,
        tile_panels,
        write_picture,
    )
    from projects.scm.utils.config_options import load_if_file
    from projects.scm.visualization.explanation import (
        calibration_panels,
        explain,
        layer_panels,
        main_panels,
    )

    sheets = []
    for config, checkpoint in args.model:
        model = check_model(get_model(load_if_file(config), False))
        with trusted(args.trust):
            meta = load_weights(model, checkpoint)
        model = model.to(args.device)
        classes = meta.get('dataset_meta', {}).get('classes')
        if len(classes or ()) != model.head.num_classes:
            classes = None  # of other data
        label = None
        if args.label is not None:
            label = resolve_target(
                parse_target(args.label, classes or ()),
                model.head.num_classes,
                classes,
            )
            if isinstance(label, str):
                raise ValueError(
                    f'--label: expected the name or index of one class, got '
                    f'{label!r}'
                )
        explanation = explain(
            model,
            model._config.test_dataloader.dataset.pipeline,
            args.image,
            label,
            args.threshold,
        )
        name = classes[explanation.label] if classes else None
        panels = main_panels(
            explanation, Path(config).stem, name, args.bbox, args.height
        )
        columns = len(panels)
        sheets.append(tile_panels(panels, columns, args.height))
        if args.layers:
            layers = layer_panels(explanation, args.height)
            sheets.append(tile_panels(layers, columns, args.height))
        if args.calibration and explanation.calibration:
            steps = calibration_panels(explanation, args.height)
            sheets.append(tile_panels(steps, len(steps) // 2, args.height))
    write_picture(args.out, stack_sheets(sheets))
    print(f'wrote {args.out}')


if __name__ == '__main__':
    run(main)
