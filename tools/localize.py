# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Localise objects in photographs and videos.

Example::

    python tools/localize.py photos/ --model configs/scm_deit-s_cub.py \
        --checkpoint scm_deit-s_cub.pth --out results/

writes ``results/pictures/*.jpg``, the pictures with boxes and heat maps, and
``results/results.json``, the boxes as COCO has them.
"""

import argparse
import sys

from _repo_path import make_importable, run


def main() -> None:
    """Localise."""
    make_importable()
    from projects.scm.cli import localize

    parser = argparse.ArgumentParser(
        description='Classes, boxes and heat maps of photographs and videos.'
    )
    localize.add_arguments(parser)
    if status := localize.run(parser.parse_args()):
        sys.exit(status)


if __name__ == '__main__':
    run(main)
