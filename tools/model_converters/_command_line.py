# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The command line of tools that turn one checkpoint into another."""

import argparse


def parse_args(description: str) -> argparse.Namespace:
    """Read ``source``, ``target`` and ``--trust``.

    Args:
        description: What the tool does.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('source', help='the checkpoint to read')
    parser.add_argument('target', help='where the new one is written')
    parser.add_argument(
        '--trust',
        action='store_true',
        help='read a file that holds more than weights and plain data; this '
        'can run any code in it',
    )
    return parser.parse_args()
