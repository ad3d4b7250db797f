# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes of training images, found by a trained model, to train detectors with.

Example::

    python tools/pseudo_labels.py configs/scm_deit-s_cub.py scm.pth \
        --threshold labels.json --out work_dirs/psol
    python tools/train_detector.py configs/psol/retinanet_r18_cub.py

writes ``train.json`` (COCO: the boxes), and of the test images ``test.json``
(the annotated boxes, if there are any) and ``test.pkl`` (the classes that the
model finds). See docs/pseudo_labels.md.
"""

import argparse

from _options import add_config_options, add_trust_option
from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    make_importable()
    from projects.scm.cli.localize import number_or_text

    parser = argparse.ArgumentParser(
        description='Boxes of training images, found by a trained model, '
        'and what a detector that learns from them is tested with.'
    )
    add = parser.add_argument
    add('config', help='of the model')
    add('checkpoint', help='the trained model')
    add(
        '--out',
        default='work_dirs/psol',
        help='folder; defaults to work_dirs/psol',
    )
    add(
        '--threshold',
        type=number_or_text,
        help='share of the largest value of a map above which a pixel '
        'belongs to the object; or a file of choose_threshold.py or of '
        'threshold_file. Defaults to 0.1, the published value',
    )
    add(
        '--threshold-figure',
        default='scm/gt_known_acc',
        help='which threshold of that file; defaults to scm/gt_known_acc',
    )
    add(
        '--min-score',
        type=float,
        default=0.0,
        help='lowest probability of the class of a box; defaults to 0',
    )
    add(
        '--area-range',
        type=float,
        nargs=2,
        default=(0.0, 1.0),
        metavar=('LOW', 'HIGH'),
        help='share of the image that a box may cover; defaults to 0 1',
    )
    add_config_options(parser)
    add_trust_option(parser)
    return parser.parse_args()


def main() -> None:
    """Write the files, and say what there is."""
    args = parse_args()
    from projects.scm.utils.upstream_scripts import check_files

    check_files(args)
    import projects.scm.register  # noqa: F401
    from projects.scm.apis.choices import resolve_threshold
    from projects.scm.apis.pseudo_labels import write_pseudo_labels
    from projects.scm.utils.config_options import read_config
    from projects.scm.utils.counting import counted
    from projects.scm.utils.trust import trusted

    threshold = resolve_threshold(args.threshold, args.threshold_figure)
    with trusted(args.trust):
        metrics = write_pseudo_labels(
            read_config(args.config, args.cfg_options),
            args.checkpoint,
            args.out,
            None if threshold is None else {'threshold': threshold},
            args.min_score,
            args.area_range,
        )
    print(
        f'{counted(int(metrics["pseudo/num_boxes"]), "box", "boxes")} of '
        f'{counted(int(metrics["pseudo/num_images"]), "training image")}: '
        f'{args.out}'
    )


if __name__ == '__main__':
    run(main)
