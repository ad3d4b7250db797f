# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pickle

import pytest

from projects.scm.utils import load_test_run


def dump(path, content):
    path.write_bytes(pickle.dumps(content))
    return path


def test_images_come_in_the_order_of_the_file(tmp_path):
    items = [{'img_path': name} for name in 'ba']
    assert load_test_run(dump(tmp_path / 'a.pkl', items)) == items
    assert load_test_run(str(dump(tmp_path / 'a.pickle', items))) == items


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none.pkl: no such file'):
        load_test_run(tmp_path / 'none.pkl')
    (tmp_path / 'a.json').write_text('[]')
    with pytest.raises(ValueError, match=r'a.json: expected a .pkl'):
        load_test_run(tmp_path / 'a.json')
    (tmp_path / 'b.pkl').write_bytes(b'no pickle')
    with pytest.raises(ValueError, match=r'b.pkl: not a readable pickle'):
        load_test_run(tmp_path / 'b.pkl')
    for content, found in [
        ([], 'list of length 0'),
        ({'a': 1}, 'dict of length 1'),
        (3, r'int of length \?'),
    ]:
        with pytest.raises(ValueError, match=found):
            load_test_run(dump(tmp_path / 'c.pkl', content))
    with pytest.raises(ValueError, match='item 1: expected a dict, got int'):
        load_test_run(dump(tmp_path / 'c.pkl', [{}, 3]))
