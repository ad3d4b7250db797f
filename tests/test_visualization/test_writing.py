# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
from PIL import Image

from projects.scm.visualization import write_picture


def test_picture_in_the_format_of_its_suffix(tmp_path):
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 1] = 9
    write_picture(tmp_path / 'a.PNG', image)
    assert (np.array(Image.open(tmp_path / 'a.PNG')) == image).all()
    with pytest.raises(ValueError, match=r"a.doc: expected .*'.doc'"):
        write_picture(tmp_path / 'a.doc', image)
