# Copyright (c) SCM-WSOL contributors. All rights reserved.
import os

import numpy as np
import pytest
from PIL import Image

from projects.scm.visualization import write_file, write_picture


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


def test_picture_in_the_format_of_its_suffix(tmp_path):
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 1] = 9
    write_picture(tmp_path / 'a.PNG', image)
    assert (np.array(Image.open(tmp_path / 'a.PNG')) == image).all()
    with pytest.raises(ValueError, match=r"a.doc: expected .*'.doc'"):
        write_picture(tmp_path / 'a.doc', image)
