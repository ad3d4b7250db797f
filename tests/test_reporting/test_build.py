# Copyright (c) SCM-WSOL contributors. All rights reserved.
from dataclasses import replace

import pytest
from synthetic_results import dump_results, make_results

from projects.scm.reporting import build_report
from projects.scm.reporting.build import (
    folder_names,
    names_by_id,
    read_class_names,
)
from projects.scm.reporting.records import load_records
from projects.scm.utils.run_card import write_card


@pytest.fixture
def results(tmp_path):
    items = make_results(tmp_path / 'pictures', 8, relative=True)
    return dump_results(tmp_path / 'scm.pkl', items)


def test_page_is_written_in_full(tmp_path, results):
    out = tmp_path / 'pages' / 'report.html'
    size = build_report([results], out, data_root=tmp_path / 'pictures')
    assert out.stat().st_size == size
    text = out.read_text('utf-8')
    assert '<title>scm</title>' in text
    assert text.rstrip().endswith('</html>')
    assert [path.name for path in out.parent.iterdir()] == ['report.html']


def test_runs_are_named_after_their_configs(tmp_path, results):
    root = tmp_path / 'pictures'
    write_card(results, 'configs/scm_deit.py', 'a.pth', 'w', ['scm-wsol test'])
    build_report([results], tmp_path / 'a.html', data_root=root)
    text = (tmp_path / 'a.html').read_text('utf-8')
    assert '<title>scm_deit</title>' in text
    assert '<dd>a.pth</dd>' in text
    # two of one config are told apart by their files
    other = tmp_path / 'other.pkl'
    other.write_bytes((tmp_path / 'scm.pkl').read_bytes())
    write_card(other, 'configs/scm_deit.py', 'b.pth', 'w', ['scm-wsol test'])
    build_report([results, other], tmp_path / 'a.html', data_root=root)
    text = (tmp_path / 'a.html').read_text('utf-8')
    assert '<title>scm and other</title>' in text
    # and those that are called alike by their folders
    folder = tmp_path / 'tscam'
    folder.mkdir()
    alike = other.rename(folder / 'scm.pkl')
    build_report([results, alike], tmp_path / 'a.html', data_root=root)
    text = (tmp_path / 'a.html').read_text('utf-8')
    assert f'<title>{tmp_path.name}/scm and tscam/scm</title>' in text


def test_limit_of_the_page_is_kept(tmp_path, results):
    out, root = tmp_path / 'a.html', tmp_path / 'pictures'
    for limit, message in [(0.001, 'pictures of 64'), (0.05, 'the page')]:
        with pytest.raises(ValueError, match=rf'{message} .*--max-mb'):
            build_report([results], out, data_root=root, max_mb=limit)
    assert not out.exists()


def test_wrong_arguments_are_named(tmp_path, results):
    with pytest.raises(ValueError, match='expected 1, one a file, got 2'):
        build_report([results], tmp_path / 'a.html', names=['a', 'b'])
    with pytest.raises(FileNotFoundError, match='--data-root'):
        build_report([results], tmp_path / 'a.html')


def test_class_names_from_a_file(tmp_path):
    path = tmp_path / 'classes.txt'
    path.write_text('1 001.Black_footed_Albatross\n2 002.Crow\n')
    assert read_class_names(path) == {0: 'Black footed Albatross', 1: 'Crow'}
    path.write_text('tench\n2 legged robot\n\n')
    assert read_class_names(path) == {0: 'tench', 1: '2 legged robot'}


def test_class_names_from_folders(tmp_path, results):
    records = load_records(results)
    names = folder_names(records)
    assert names == {label: f'kind {label}' for label in range(6)}
    flat = [
        r._replace(found=replace(r.found, name=f'all/{i}'))
        for i, r in enumerate(records)
    ]
    assert folder_names(flat) == {}


def test_class_names_for_ids(tmp_path):
    path = tmp_path / 'synsets.txt'
    path.write_text('n1 tench, Tinca\nn3 great_auk\nn2 Shih-Tzu\n')
    assert names_by_id(path, {0: 'n2', 1: 'n3'}) == {
        0: 'Shih-Tzu',
        1: 'great auk',
    }
    # a file of another kind
    assert names_by_id(path, {0: 'n2', 1: 'n4'}) is None
    assert names_by_id(path, {}) is None
    path.write_text('n1\nn2\n')
    assert names_by_id(path, {0: 'n2'}) is None
