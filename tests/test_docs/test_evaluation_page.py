# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Numbers and code of the page on evaluation."""

import importlib.util
import sys

import pytest
from test_docs.pages import REPO, blocks, read_page

from projects.scm.evaluation.functional import PROTOCOLS

PAGE = read_page('docs/evaluation.md')


@pytest.fixture(scope='module')
def example():
    sys.path.insert(0, str(REPO / 'tools'))
    file = REPO / 'tools' / 'analysis_tools' / 'protocol_example.py'
    spec = importlib.util.spec_from_file_location('protocol_example', file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_worked_example(example):
    assert example.format_rows(example.measure()) in PAGE


def test_picture(example, tmp_path):
    example.main(['--out', str(tmp_path / 'new' / 'picture.png')])
    assert (tmp_path / 'new' / 'picture.png').stat().st_size > 10_000
    assert [p.name for p in (tmp_path / 'new').iterdir()] == ['picture.png']


def test_figures_exist():
    for protocol in PROTOCOLS.values():
        for measure in protocol.measures:
            assert f'`{measure.name}`' in PAGE.replace(
                f'`{protocol.name}/', '`'
            )


def test_python_runs():
    (block,) = blocks(PAGE, 'python')
    scope = {}
    exec(block.text, scope)
    assert scope['boxes'].shape == (1000, 4)
