# Copyright (c) SCM-WSOL contributors. All rights reserved.
import io

import numpy as np
import pytest
from PIL import Image

from projects.scm.reporting.thumbnails import (
    SIDES,
    choose_side,
    encode_thumbnail,
    encode_thumbnails,
    locate,
)


@pytest.fixture
def pictures(tmp_path):
    generator = np.random.default_rng(0)
    paths = []
    for index in range(6):
        path = tmp_path / f'{index}.jpg'
        noise = generator.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((600, 400)).save(path)
        paths.append(path)
    return paths, [(600, 400)] * 6


def test_aspect_is_kept_and_nothing_enlarged(pictures):
    (path, *_), _ = pictures
    for side, size in [(120, (120, 80)), (5000, (600, 400))]:
        small = Image.open(
            io.BytesIO(encode_thumbnail(path, side, (600, 400)))
        )
        assert small.format == 'WEBP'
        assert small.size == size


def test_order_is_that_of_the_pictures(tmp_path):
    paths = []
    for red in range(0, 250, 10):
        paths.append(tmp_path / f'{red}.png')
        Image.new('RGB', (50, 30), (red, 0, 0)).save(paths[-1])
    files = list(encode_thumbnails(paths, [(50, 30)] * 25, 20, workers=4))
    reds = [
        np.array(Image.open(io.BytesIO(f)).convert('RGB'))[..., 0].mean()
        for f in files
    ]
    np.testing.assert_allclose(reds, range(0, 250, 10), atol=4)


def test_side_follows_the_budget(pictures):
    paths, sizes = pictures
    sides = [choose_side(paths, sizes, b) for b in (10**7, 60_000, 20_000)]
    assert sides[0] == SIDES[0]
    assert sides[0] > sides[1] > sides[2]
    total = sum(map(len, encode_thumbnails(paths, sizes, sides[1], 2)))
    assert total <= 60_000
    with pytest.raises(ValueError, match=r'6 pictures of 64 .*max-mb'):
        choose_side(paths, sizes, 100)


def test_pictures_are_found_under_the_root(tmp_path, monkeypatch):
    (tmp_path / 'a.jpg').touch()
    assert locate(['a.jpg'], tmp_path) == [tmp_path / 'a.jpg']
    # absolute paths stay what they are
    [found] = locate([str(tmp_path / 'a.jpg')], '/elsewhere')
    assert found.is_file()
    monkeypatch.chdir(tmp_path)
    assert locate(['a.jpg'], None)[0].is_file()
    with pytest.raises(FileNotFoundError, match=r'b.jpg.*--data-root'):
        locate(['b.jpg'], tmp_path)


@pytest.mark.parametrize('start', ['/home/x/birds/', 'C:\\birds\\', 'birds/'])
@pytest.mark.parametrize('inside', [True, False])
def test_pictures_tested_elsewhere(tmp_path, start, inside) -> None:
    """What all paths begin with is left out, the same of all."""
    tails = ['images/1.wren/a.jpg', 'images/2.crow/a.jpg']
    for tail in tails:
        (tmp_path / tail).parent.mkdir(parents=True)
        (tmp_path / tail).write_bytes(b'')
    slash = '\\' if '\\' in start else '/'
    named = [start + tail.replace('/', slash) for tail in tails]
    root = tmp_path / 'images' if inside else tmp_path
    assert locate(named, root) == [tmp_path / tail for tail in tails]
    (tmp_path / tails[1]).unlink()
    with pytest.raises(FileNotFoundError, match=r'2\.crow.*1 of 2 are mis'):
        locate(named, root)
    (tmp_path / tails[0]).unlink()
    with pytest.raises(FileNotFoundError, match=r'no end of that is below'):
        locate(named, root)
