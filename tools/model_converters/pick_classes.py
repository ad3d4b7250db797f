# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Make a model of some classes out of a classifier of many.

The backbone takes the weights of the file, and the classifier of the head the
rows of the classes that are named: what is left is a model of these classes
that nothing was trained for. Example, the ten classes of Imagewoof out of
ImageNet's thousand::

    python tools/model_converters/pick_classes.py deit_tiny.pth ten.pth \
        --config configs/tscam_deit-t_imagewoof.py \
        --cfg-options model.head.type=AttentionHead \
        --classes 155 159 162 167 182 193 207 229 258 273
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _options import add_config_options, add_trust_option
from _repo_path import make_importable, run


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Make a model of some classes out of a classifier of many.'
    )
    parser.add_argument('source', help='weights of the classifier')
    parser.add_argument('target', help='where the checkpoint is written')
    parser.add_argument('--config', required=True, help='of the model')
    parser.add_argument(
        '--classes',
        required=True,
        nargs='+',
        type=int,
        help='rows of the classifier, from 0, in the order of the new classes',
    )
    add_config_options(parser)
    parser.add_argument(
        '--by-order',
        action='store_true',
        help="the file's names are not the model's, but its tensors come in "
        'the same order; their shapes must agree',
    )
    add_trust_option(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Pick."""
    args = parse_args(argv)
    make_importable()
    import projects.scm.register  # noqa: F401
    from projects.scm.apis.picking import pick_classes

    print(pick_classes(**vars(args)))


if __name__ == '__main__':
    run(main)
