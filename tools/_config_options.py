# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The option ``--cfg-options`` of tools that read a config."""

import argparse

from _repo_path import make_importable


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add the option, for ``read_config`` of ``utils.config_options``."""
    make_importable()
    from projects.scm.utils.upstream_scripts import ConfigOptions

    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='changes of the config; data_root moves the data set',
    )
