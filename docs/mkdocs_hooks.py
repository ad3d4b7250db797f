# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""MkDocs: what pages link to outside this folder is not part of the site."""

import re
from typing import Any

_OUTSIDE = re.compile(r'\[([^\]]+)\]\(\.\./([^)\s]+)\)')


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """Lead links to files of the repository there.

    Args:
        markdown (str): Text of a page.
        config (Any): MkDocs' config; its ``repo_url`` is where the files are.

    Returns:
        str: The text; without a ``repo_url`` the names stay, as plain text.
    """
    url = config.get('repo_url')
    link = f'[\\1]({url.rstrip("/")}/blob/HEAD/\\2)' if url else r'\1'
    return _OUTSIDE.sub(link, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Let keyboards scroll code and tables, and screen readers read heads.

    Args:
        html (str): Text of a page, rendered.

    Returns:
        str: The same; empty cells of heads are no headings.
    """
    # Not the code in it: the theme's script takes it from there on phones.
    html = html.replace('<pre>', '<pre tabindex="0">')
    html = html.replace('<thead>', '<thead tabindex="0">')
    return re.sub(r'<th([^>]*)></th>', r'<td\1></td>', html)
