# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Reading of the documentation by its tests."""

import re
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).resolve().parents[2]
PAGES = sorted([REPO / 'README.md', *(REPO / 'docs').glob('*.md')])

_FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str


def read_page(name):
    return (REPO / name).read_text(encoding='utf-8')


def blocks(text, *languages):
    """Fenced blocks of some languages, in order."""
    found = [Block(*match) for match in _FENCE.findall(text)]
    return [b for b in found if not languages or b.language in languages]


def prose(text):
    """The page without its fenced blocks."""
    return _FENCE.sub('', text)


def file_of(block):
    """The file that a block belongs into: a comment in its first line."""
    match = re.match(r'# ([\w./-]+\.\w+)\n', block.text)
    return match and match[1]
