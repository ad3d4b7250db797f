# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The option ``--trust`` of tools that read checkpoints."""

import argparse

from _repo_path import make_importable


def add_trust_option(parser: argparse.ArgumentParser) -> None:
    """Add the option; without it, no file runs code when it is read."""
    make_importable()
    from projects.scm.utils.trust import TRUST_HELP

    parser.add_argument('--trust', action='store_true', help=TRUST_HELP)
