# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json

import pytest
from test_apis.test_outputs.conftest import CLASSES

from projects.scm.apis.outputs import CocoWriter, CsvWriter, ResultFolder
from projects.scm.apis.sources import RESULT_MARKER

KINDS = (CocoWriter, CsvWriter)


def marker(folder):
    return json.loads((folder / RESULT_MARKER).read_text())


def test_it_tells_what_it_holds(tmp_path, results) -> None:
    out = tmp_path / 'out'
    with ResultFolder(out, KINDS, CLASSES, {'topk': 1}) as folder:
        assert marker(out)['state'] == 'running'
        for result in results:
            folder.add(result)
        folder.fail('x/broken.jpg', ValueError('does not decode'))
    assert folder.written == [out / 'results.json', out / 'results.csv']
    content = marker(out)
    assert content['state'] == 'complete'
    assert (content['results'], content['boxes']) == (3, 3)
    assert content['info'] == {'topk': 1}
    assert content['failures'] == [
        {'picture': 'x/broken.jpg', 'error': 'does not decode'}
    ]


def test_a_stopped_run_keeps_its_results(tmp_path, results) -> None:
    def run() -> None:
        with ResultFolder(tmp_path / 'out', KINDS, CLASSES, {}) as folder:
            folder.add(results[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert marker(tmp_path / 'out')['state'] == 'stopped'
    content = json.loads((tmp_path / 'out/results.json').read_text())
    assert len(content['images']) == 1


def test_a_second_run_is_never_mixed_with_the_first(tmp_path, results) -> None:
    out = tmp_path / 'out'
    with ResultFolder(out, KINDS, CLASSES, {}, entries=['pictures']) as folder:
        folder.add(results[2])
        (out / 'pictures').mkdir()
        (out / 'pictures' / 'v_000000.jpg').touch()
    (out / 'mine.txt').touch()
    with pytest.raises(FileExistsError, match=r'complete, 1 picture,.*--over'):
        ResultFolder(out, KINDS, CLASSES, {})
    with ResultFolder(out, [CsvWriter], CLASSES, {}, overwrite=True) as folder:
        folder.add(results[0])
    assert sorted(p.name for p in out.iterdir()) == [
        'mine.txt',
        'results.csv',
        RESULT_MARKER,
    ]


def test_files_of_others_stay(tmp_path) -> None:
    (tmp_path / 'results.json').write_text('mine')
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match=r'has results\.json, which'):
            ResultFolder(tmp_path, KINDS, CLASSES, {}, overwrite=overwrite)
    assert (tmp_path / 'results.json').read_text() == 'mine'


@pytest.mark.parametrize(
    'text',
    [
        'no json',
        '[]',
        '{"entries": []}',
        '{"state": "", "results": 0, "started": "", "entries": ["../x"]}',
        '{"state": "", "results": 0, "started": "", "entries": [".."]}',
        '{"state": "", "results": 0, "started": "", "entries": [7]}',
    ],
)
def test_an_odd_marker_removes_nothing(tmp_path, text) -> None:
    out = tmp_path / 'out'
    out.mkdir()
    (tmp_path / 'x').touch()
    (out / RESULT_MARKER).write_text(text)
    with pytest.raises(FileExistsError, match='is not as this tool writes it'):
        ResultFolder(out, KINDS, CLASSES, {}, overwrite=True)
    assert (tmp_path / 'x').exists()
