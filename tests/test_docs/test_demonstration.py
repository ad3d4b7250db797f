# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The notebook is stored without results, and runs from top to bottom."""

import json
import shutil

import pytest
from test_docs.pages import REPO

NAME = 'docs/demonstration.ipynb'
SIZES = 'TRAIN, TEST, EPOCHS = 800, 150, 3'


def code_cells():
    cells = json.loads((REPO / NAME).read_text('utf-8'))['cells']
    return [cell for cell in cells if cell['cell_type'] == 'code']


def test_no_results_are_stored():
    assert len(code_cells()) > 5
    for cell in code_cells():
        assert cell['outputs'] == []
        assert cell['execution_count'] is None


@pytest.mark.long
@pytest.mark.optional
@pytest.mark.timeout(1500)  # seven programs, one after the other
def test_it_runs_and_tells_of_both(tmp_path, monkeypatch):
    reason = 'pip install -r requirements/docs.txt'
    nbclient = pytest.importorskip('nbclient', reason=reason)
    nbformat = pytest.importorskip('nbformat', reason=reason)
    pytest.importorskip('ipykernel', reason=reason)
    for name in ('configs', 'projects', 'tools'):
        (tmp_path / name).symlink_to(REPO / name)
    (tmp_path / 'docs').mkdir()
    shutil.copy(REPO / NAME, tmp_path / NAME)
    monkeypatch.setenv('PYTHONPATH', str(REPO))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    notebook = nbformat.read(tmp_path / NAME, 4)
    nbformat.validate(notebook)
    assert notebook.cells[1].source.count(SIZES) == 1
    small = SIZES.replace('800, 150, 3', '16, 4, 1')
    notebook.cells[1].source = notebook.cells[1].source.replace(SIZES, small)
    # A cell that fails ends it here, with its traceback.
    nbclient.NotebookClient(
        notebook,
        timeout=1400,
        resources={'metadata': {'path': str(tmp_path / 'docs')}},
    ).execute()
    outputs = [
        output for cell in notebook.cells for output in cell.get('outputs', ())
    ]
    text = ''.join(output.get('text', '') for output in outputs)
    for key in ('top1_loc', 'gt_known_acc'):
        assert f'{key:12}  TS-CAM ' in text
    assert any('image/png' in out.get('data', {}) for out in outputs)
    page = tmp_path / 'work_dirs' / 'notebook' / 'report.html'
    assert 'scm_vit-demo_demo' in page.read_text('utf-8')
