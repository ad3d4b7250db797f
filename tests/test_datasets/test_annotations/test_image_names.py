# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest

from projects.scm.datasets.annotations.image_names import ImageNames

PATHS = ('cat/1.jpg', 'dog/1.jpg', 'dog/a b,c.png')


@pytest.mark.parametrize(
    ('name', 'path'),
    [
        ('dog/1.jpg', 'dog/1.jpg'),
        ('/anywhere/images/cat/1.JPG', 'cat/1.jpg'),
        ('dog\\1', 'dog/1.jpg'),
        ('a b,c.png', 'dog/a b,c.png'),
        ('/data/local-files/?d=cat/1.jpg', 'cat/1.jpg'),
        ('/data/local-files/?d=photos/dog/a%20b%2Cc.png', 'dog/a b,c.png'),
    ],
)
def test_a_name_means_an_image(name, path) -> None:
    assert ImageNames(PATHS).match([name]) == ({name: path}, {})


def test_what_means_several_or_none_is_told() -> None:
    found, reasons = ImageNames(PATHS).match(['1.jpg', 'cow/2.jpg'])
    assert found == {}
    assert '2 images have this name' in reasons['1.jpg']
    assert 'there is no such image' in reasons['cow/2.jpg']
