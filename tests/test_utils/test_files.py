# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json
import os

import pytest

from projects.scm.utils import write_file, write_json


def test_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / 'new' / 'page.html'
    write_file(path, b'first')
    assert path.read_bytes() == b'first'

    def fail(*_):
        raise OSError('disk')

    monkeypatch.setattr(os, 'replace', fail)
    with pytest.raises(OSError, match='disk'):
        write_file(path, b'second')
    assert path.read_bytes() == b'first'
    assert [p.name for p in path.parent.iterdir()] == ['page.html']


def test_permissions_are_the_usual_ones(tmp_path):
    write_file(tmp_path / 'a', b'')
    (tmp_path / 'b').touch()
    modes = [(tmp_path / name).stat().st_mode for name in 'ab']
    assert modes[0] == modes[1]


def test_json(tmp_path):
    write_json(tmp_path / 'a.json', {'a': [1, 0.1]})
    text = (tmp_path / 'a.json').read_text()
    assert json.loads(text) == {'a': [1, 0.1]}
    assert text.endswith('}\n')


def test_what_json_cannot_hold_leaves_the_file_alone(tmp_path):
    path = tmp_path / 'a.json'
    write_json(path, 1)
    with pytest.raises(TypeError, match='not JSON serializable'):
        write_json(path, {'a': object()})
    assert [p.name for p in tmp_path.iterdir()] == ['a.json']
    assert path.read_text() == '1\n'
