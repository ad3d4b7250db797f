# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Localise objects in photographs and videos.

Example::

    python tools/localize.py photos/ --model configs/scm_deit-s_cub.py \
        --checkpoint scm_deit-s_cub.pth --out results/

writes ``results/pictures/*.jpg``, the pictures with boxes and heat maps, and
``results/results.json``, the boxes as COCO has them.
"""

import argparse
from pathlib import Path

from _repo_path import make_importable


def number_or_text(value: str) -> float | str:
    """A number where it is one."""
    try:
        return float(value)
    except ValueError:
        return value


def index_or_text(value: str) -> int | str:
    """A whole number where it is one."""
    return int(value) if value.isdecimal() else value


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Classes, boxes and heat maps of photographs and videos.'
    )
    parser.add_argument(
        'inputs',
        nargs='+',
        help='files, URLs, folders, patterns, videos',
    )
    parser.add_argument('--model', required=True, help='config')
    parser.add_argument('--checkpoint', required=True, help='file or URL')
    parser.add_argument(
        '--out', default='results', help='folder; defaults to results'
    )
    parser.add_argument(
        '--format',
        nargs='+',
        choices=('coco', 'csv', 'yolo'),
        default=['coco'],
        help='of the boxes; several may be given; defaults to coco',
    )
    parser.add_argument(
        '--target',
        type=index_or_text,
        default='predicted',
        help='predicted, topk, or the index or name of a class; defaults to '
        'predicted',
    )
    parser.add_argument(
        '--topk', type=int, default=5, help='for --target topk; defaults to 5'
    )
    parser.add_argument(
        '--threshold',
        type=number_or_text,
        help='share of the largest value of a map above which a pixel '
        'belongs to the object; or otsu; or a file that WSOLEvaluator has '
        "written with threshold_file. Defaults to that of the head's box_cfg",
    )
    parser.add_argument(
        '--threshold-figure',
        default='scm/top1_loc',
        help='which threshold of that file; defaults to scm/top1_loc',
    )
    parser.add_argument(
        '--contours',
        choices=('largest', 'all'),
        help='one box a map, or all; defaults to that of the box_cfg',
    )
    parser.add_argument(
        '--classes', help='file with the names of the classes, one a line'
    )
    parser.add_argument(
        '--batch-size', type=int, default=8, help='defaults to 8'
    )
    parser.add_argument(
        '--frame-interval',
        type=int,
        default=1,
        help='of videos, take every n-th frame; defaults to 1',
    )
    parser.add_argument(
        '--as-stored',
        action='store_true',
        help='do not turn pictures by their EXIF tag',
    )
    parser.add_argument(
        '--no-pictures', action='store_true', help='write boxes alone'
    )
    parser.add_argument(
        '--device', help='defaults to an accelerator if there is one'
    )
    return parser.parse_args()


def main() -> None:
    """Localise."""
    args = parse_args()
    make_importable()
    import projects.scm  # noqa: F401, I001
    from mmengine.utils import mkdir_or_exist
    from projects.scm.apis import WSOLInferencer
    from projects.scm.apis.result_files import (
        write_coco,
        write_csv,
        write_yolo,
    )

    names = None
    if args.classes is not None:
        names = Path(args.classes).read_text(encoding='utf-8').splitlines()
    inferencer = WSOLInferencer(
        args.model, args.checkpoint, args.device, classes=names
    )
    options = dict(
        target=args.target,
        topk=args.topk,
        threshold=args.threshold,
        threshold_figure=args.threshold_figure,
        contours=args.contours,
        upright=not args.as_stored,
    )
    out = Path(args.out)
    mkdir_or_exist(out)
    results = inferencer(
        args.inputs,
        batch_size=args.batch_size,
        frame_interval=args.frame_interval,
        show_dir=None if args.no_pictures else out / 'pictures',
        score_maps=False,
        **options,
    )
    classes = inferencer.classes or [
        str(index) for index in range(inferencer.model.head.num_classes)
    ]
    info = dict(model=args.model, checkpoint=args.checkpoint, **options)
    written = []
    if 'coco' in args.format:
        written.append(write_coco(out, results, classes, info))
    if 'csv' in args.format:
        written.append(write_csv(out, results, classes))
    if 'yolo' in args.format:
        written.append(write_yolo(out, results, classes))
    boxes = sum(len(result['bboxes']) for result in results)
    print(
        f'{len(results)} pictures, {boxes} boxes: '
        + ', '.join(map(str, written))
    )


if __name__ == '__main__':
    main()
