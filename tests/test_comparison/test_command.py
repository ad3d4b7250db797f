# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The command, from its arguments to tables, curves and pages."""

import importlib.util

import pytest

from projects.scm.comparison.command import compare, parse_roots


@pytest.fixture(scope='module')
def tool(repo):
    """``tools/compare.py`` as a module."""
    import sys

    sys.path.insert(0, str(repo / 'tools'))
    spec = importlib.util.spec_from_file_location(
        'compare_tool', repo / 'tools' / 'compare.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(repo / 'tools'))
    return module


def test_runs_tells_and_draws(bench, tool):
    arguments = [str(bench.file), '--work-dir', str(bench.folder / 'work')]
    out = bench.folder / 'out'
    text = compare(
        tool.parse_args([*arguments, '--out', str(out)]), bench.tools
    )
    assert '# Two methods' in text
    assert '4 of 4 runs.' in text
    assert text.count('| scm − tscam | 2 pairs |') == 10
    assert (out / 'tables.md').read_text() == text + '\n'
    assert '</svg>' in (out / 'curves.svg').read_text()
    assert 'birds, seed 26' in (out / 'birds.html').read_text()
    bench.forget_calls()
    again = compare(tool.parse_args([*arguments, '--tables']), bench.tools)
    assert again == text
    other = [*arguments, '--tables', '--baseline', 'scm']
    turned = compare(tool.parse_args(other), bench.tools)
    assert turned.count('| tscam − scm | 2 pairs |') == 10
    assert 'scm − tscam' not in turned
    other[-1] = 'no'
    with pytest.raises(
        ValueError, match=r"--baseline: expected one of \['tscam', 'scm'\]"
    ):
        compare(tool.parse_args(other), bench.tools)
    assert bench.calls == []


def test_nothing_to_tell_of(bench, tool):
    arguments = [str(bench.file), '--tables', '--results', str(bench.folder)]
    with pytest.raises(ValueError, match='no results of'):
        compare(tool.parse_args(arguments), bench.tools)


def test_roots(tmp_path):
    assert parse_roots([f'a={tmp_path}', 'b=s3://x/y']) == {
        'a': str(tmp_path),
        'b': 's3://x/y',
    }
    with pytest.raises(ValueError, match="expected SET=FOLDER, got 'a'"):
        parse_roots(['a'])
    with pytest.raises(FileNotFoundError, match='--data-root a: no folder'):
        parse_roots([f'a={tmp_path / "no"}'])
