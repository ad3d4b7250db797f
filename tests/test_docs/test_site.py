# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A docs tool turns ``docs/`` into a site, as ``mkdocs.yml`` says."""

import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from test_docs.pages import PAGES, REPO
from test_tools import axe
from test_tools.chromium_pipe import BINARY, Chromium

LINK = re.compile(r'(?:href|src)="([^"#]*)(?:#([^"]*))?"')


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    for name in ('mkdocs', 'material'):
        pytest.importorskip(
            name, reason='pip install -r requirements/docs.txt'
        )
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
    assert text.count('<pre ') == source.count('\n```') // 2
    assert text.count('<table>') == len(
        re.findall(r'^\|[ :|]*-[ :|-]*\|$', source, re.MULTILINE)
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


def test_code_is_highlighted_and_the_search_knows_every_page(site):
    page = (site / 'watching.html').read_text('utf-8')
    assert '<span class="nb">dict</span>' in page
    entries = json.loads((site / 'search' / 'search_index.json').read_text())
    found = {entry['location'].partition('#')[0] for entry in entries['docs']}
    assert {html_of(site, page).name for page in PAGES_OF_SITE} <= found


@pytest.mark.skipif(BINARY is None, reason='no Chromium is installed')
@pytest.mark.optional
def test_a_phone_shows_every_page_light_and_dark(site, tmp_path):
    with Chromium(tmp_path / 'profile') as browser:
        for number, page in enumerate(PAGES_OF_SITE):
            dark = bool(number % 2)
            browser.look(390, 844, dark=dark, mobile=True)
            browser.open(html_of(site, page))
            wide = browser.run(
                'document.documentElement.scrollWidth'
                ' - document.documentElement.clientWidth'
            )
            assert wide <= 0, page
            paper = browser.run(
                """getComputedStyle(document.body).backgroundColor
                    .match(/[\\d.]+/g).slice(0, 3).map(Number)
                    .reduce((a, b) => a + b)"""
            )
            assert (paper < 200) == dark, page
            # code stands out in both
            assert browser.run(
                """[...document.querySelectorAll('pre .nb, pre .s1')]
                    .every(n => getComputedStyle(n).color !=
                      getComputedStyle(n.parentNode).color)"""
            )


@pytest.mark.skipif(BINARY is None, reason='no Chromium is installed')
@axe.needs_axe
@pytest.mark.long
@pytest.mark.optional
@pytest.mark.parametrize('dark', [False, True])
@pytest.mark.parametrize(('width', 'mobile'), [(1280, False), (390, True)])
def test_axe_finds_nothing_on_any_page(site, tmp_path, width, mobile, dark):
    with Chromium(tmp_path / 'profile') as browser:
        browser.look(width, 844, dark=dark, mobile=mobile)
        for page in PAGES_OF_SITE:
            browser.open(html_of(site, page))
            browser.settle()  # the theme's scripts change the page
            assert axe.violations(browser) == [], page
