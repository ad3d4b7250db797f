# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What pages refer to exists: links, anchors, files, tools, options."""

import contextlib
import functools
import io
import os
import re
import runpy
import shlex
import subprocess
import sys
from unittest import mock

import pytest
from mmengine.config import Config
from test_docs.pages import PAGES, REPO, blocks, file_of, prose

LINK = re.compile(r'\]\(([^)\s]+)\)')
SPAN = re.compile(r'`([^`\n]+)`')
FOLDERS = ('configs', 'docs', 'projects', 'requirements', 'tests', 'tools')
TOOL = re.compile(r'(?:^|/)(tools/[\w/]+\.(?:py|sh))$')
OPTION = re.compile(r'(?<![\w-])--[a-z][\w-]*')
# Their options are those of another tool, besides their own.
LAUNCHERS = {
    f'tools/{name}_{task}.sh': f'tools/{task}.py'
    for name in ('dist', 'slurm')
    for task in ('train', 'test')
}
# Their options are those of subcommands.
SUBCOMMANDS = {
    'tools/analysis_tools/analyze_logs.py': ['plot_curve', 'cal_train_time'],
}
# Settings that are whole dicts and not in the bases.
NEW_SETTINGS = {'clip_grad'}
# What is after these words is not for the tool.
PASSED_ON = {'tools/run_tests.sh'}


def ids(pages):
    return [str(page.relative_to(REPO)) for page in pages]


def anchors(text):
    """Anchors of the headings, as GitHub makes them."""
    return {
        re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
        for heading in re.findall(r'^#+ (.+)$', prose(text), re.MULTILINE)
    }


def made_by(page_text):
    """Files that the reader of a page makes."""
    return {file_of(b) for b in blocks(page_text, 'python')} - {None}


def spans(text):
    """Inline code, also where a line ends in it."""
    return SPAN.findall(re.sub(r'\s*\n\s*', ' ', prose(text)))


def commands(text):
    """Words of every command that starts a tool: (tool, words)."""
    lines = []
    for block in blocks(text, 'bash', 'shell', 'sh'):
        lines += block.text.replace('\\\n', ' ').splitlines()
    lines += spans(text)
    for line in lines:
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        for index, word in enumerate(words):
            match = TOOL.search(word)
            if match and index < 4:
                rest = words[index + 1 :]
                ends = [rest.index(x) for x in ('|', '&&', ';') if x in rest]
                yield match[1], rest[: min(ends, default=len(rest))]
                break


def help_of(tool, *subcommand):
    """What a tool says with --help; those in Python without a new process.

    A process spends nearly all of its time on imports.
    """
    path, rest = str(REPO / tool), [*subcommand, '--help']
    if tool.endswith('.sh'):
        return subprocess.run(
            ['bash', path, *rest],
            capture_output=True,
            text=True,
            cwd=REPO,
            check=True,
        ).stdout
    said = io.StringIO()
    with (
        mock.patch('sys.argv', [path, *rest]),
        mock.patch('sys.path', [os.path.dirname(path), *sys.path]),
        mock.patch.dict('os.environ'),
        contextlib.redirect_stdout(said),
        pytest.raises(SystemExit) as ended,
    ):
        runpy.run_path(path, run_name='__main__')
    if 'projects.scm.mmdet needs' in str(ended.value.code):
        pytest.skip(f'{tool}: {ended.value.code}')
    assert not ended.value.code, ended.value.code
    return said.getvalue()


@functools.cache
def known_options(tool):
    if tool in LAUNCHERS:
        return known_options(LAUNCHERS[tool])
    found = set()
    for subcommand in SUBCOMMANDS.get(tool, ['']):
        found |= set(OPTION.findall(help_of(tool, *subcommand.split())))
    return found


@pytest.mark.parametrize('page', PAGES, ids=ids(PAGES))
def test_links_lead_somewhere(page):
    text = page.read_text(encoding='utf-8')
    for target in LINK.findall(prose(text)):
        if '://' in target or target.startswith('mailto:'):
            continue
        path, _, anchor = target.partition('#')
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f'{target}: no such file'
        if anchor and file.suffix == '.md':
            found = anchors(file.read_text(encoding='utf-8'))
            assert anchor in found, f'{target}: no such heading'


@pytest.mark.parametrize('page', PAGES, ids=ids(PAGES))
def test_files_that_are_named_exist(page):
    text = page.read_text(encoding='utf-8')
    words = [word for span in spans(text) for word in span.split()]
    for block in blocks(text, 'bash', 'shell', 'sh'):
        words += block.text.split()
    for word in words:
        word, _, test = word.strip('\'",;:()').partition('::')
        if word.split('/')[0] not in FOLDERS or '/' not in word:
            continue
        if re.search(r'[*<>{}$…]|\.\.\.', word) or word in made_by(text):
            continue
        assert (REPO / word).exists(), f'{word}: no such file'
        if test:
            code = (REPO / word).read_text(encoding='utf-8')
            assert f'def {test}(' in code, f'{word}: no test {test}'


@pytest.mark.slow
@pytest.mark.parametrize('page', PAGES, ids=ids(PAGES))
def test_commands_have_tools_and_options_that_exist(page):
    for tool, words in commands(page.read_text(encoding='utf-8')):
        assert (REPO / tool).is_file(), f'{tool}: no such tool'
        if tool in PASSED_ON:
            words = words[:2]
        for word in words:
            if OPTION.match(word):
                option = word.split('=')[0]
                assert option in known_options(tool), f'{tool} {option}'


@pytest.mark.parametrize('page', PAGES, ids=ids(PAGES))
def test_overridden_settings_are_in_the_config(page):
    """All but the last part of a key, which may be new."""
    for tool, words in commands(page.read_text(encoding='utf-8')):
        files = [w for w in words if re.match(r'configs/.*\.py$', w)]
        if '--cfg-options' not in words or not files:
            continue
        if not (REPO / files[0]).is_file():  # the reader makes it
            continue
        cfg = Config.fromfile(REPO / files[0])
        for word in words[words.index('--cfg-options') + 1 :]:
            if word.startswith('--') or '=' not in word:
                break
            *parts, _ = word.split('=')[0].split('.')
            inner = cfg
            for part in parts:
                if part in NEW_SETTINGS:
                    break
                assert part in inner, f'{tool}: {word}'
                inner = inner[part]


def test_commands_are_found():
    text = 'Run\n```bash\na=1 python tools/x.py --b \\\n  --c d | e --f\n```\n'
    text += 'or `bash tools/dist_train.sh CONFIG 2`.'
    assert list(commands(text)) == [
        ('tools/x.py', ['--b', '--c', 'd']),
        ('tools/dist_train.sh', ['CONFIG', '2']),
    ]
    assert anchors('## A: b-c `d`?\n') == {'a-b-c-d'}
