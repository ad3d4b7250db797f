# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The command line of tools that turn one checkpoint into another."""

import argparse

from _options import add_trust_option


def parse_args(description: str) -> argparse.Namespace:
    """Read ``source``, ``target`` and ``--trust``.

    Args:
        description: What the tool does.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('source', help='the checkpoint to read')
    parser.add_argument('target', help='where the new one is written')
    add_trust_option(parser)
    return parser.parse_args()
