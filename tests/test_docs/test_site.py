# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A docs tool turns ``docs/`` into a site, as ``mkdocs.yml`` says."""

import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from test_docs.pages import PAGES, REPO

LINK = re.compile(r'(?:href|src)="([^"#]*)(?:#([^"]*))?"')


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    pytest.importorskip('mkdocs')
    folder = tmp_path_factory.mktemp('site')
    result = subprocess.run(
        [
            *[sys.executable, '-m', 'mkdocs', 'build'],
            *['--config-file', str(REPO / 'mkdocs.yml')],
            *['--site-dir', str(folder)],
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # Pages that are not in the menu, and links into nowhere, end it.
    assert result.returncode == 0, result.stdout
    return folder


def html_of(site: Path, page: Path) -> Path:
    name = 'index' if page.stem == 'README' else page.stem
    return site / f'{name}.html'


PAGES_OF_SITE = [page for page in PAGES if page.parent.name == 'docs']


@pytest.mark.parametrize('page', PAGES_OF_SITE, ids=lambda page: page.stem)
def test_page_is_rendered(site, page):
    text = html_of(site, page).read_text('utf-8')
    source = page.read_text('utf-8')
    assert text.count('<pre>') == source.count('\n```') // 2
    assert text.count('<table>') == len(
        re.findall(r'^\|[ :|-]+\|$', source, re.MULTILINE)
    )
    assert '```' not in text
    for target, anchor in LINK.findall(text):
        target = unquote(unescape(target))
        if re.match(r'(?:https?|data|mailto):', target):
            continue
        file = (site / target).resolve() if target else html_of(site, page)
        assert file.exists(), target
        if anchor and file.suffix == '.html':
            assert f'id="{anchor}"' in file.read_text('utf-8'), anchor


def test_every_page_is_in_the_menu(site):
    index = (site / 'index.html').read_text('utf-8')
    assert len(PAGES_OF_SITE) > 10
    for page in PAGES_OF_SITE:
        assert f'href="{html_of(site, page).name}"' in index, page
    # nothing is loaded from other servers
    assert not re.search(r'<(?:script|link)[^>]+(?:href|src)="http', index)
