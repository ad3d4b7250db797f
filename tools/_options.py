# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Options that several tools have."""

import argparse

from _repo_path import make_importable


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``, which ``read_config`` takes."""
    make_importable()
    from projects.scm.utils.upstream_scripts import ConfigOptions

    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='changes of the config; data_root moves the data set',
    )


def add_trust_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust``; without it, no file runs code when it is read."""
    make_importable()
    from projects.scm.utils.trust import TRUST_HELP

    parser.add_argument('--trust', action='store_true', help=TRUST_HELP)
