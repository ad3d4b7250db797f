# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest

from projects.scm.visualization import Panel, map_caption, tile_panels


def flat(height, width, value):
    return np.full((height, width, 3), value, np.uint8)


def test_panels_share_one_height_and_keep_their_aspect():
    sheet = tile_panels(
        [Panel('a', flat(50, 100, 10)), Panel('b', flat(200, 100, 20))],
        height=80,
        gap=8,
    )
    # cells are as wide as the widest picture, 160
    assert sheet.shape[1] == 2 * (160 + 8) + 8
    first = (sheet == 10).all(2)
    second = (sheet == 20).all(2)
    assert first.sum() >= 80 * 160
    rows = np.flatnonzero(second.any(1))
    assert rows[-1] - rows[0] + 1 == 80
    columns = np.flatnonzero(second.sum(0) > 40)
    assert len(columns) == 40


def test_rows_are_filled_in_order():
    panels = [Panel('', flat(32, 32, 40 * i)) for i in range(1, 6)]
    sheet = tile_panels(panels, columns=2, height=32, gap=4)
    found = [
        tuple(np.argwhere((sheet == 40 * i).all(2)).min(0))
        for i in range(1, 6)
    ]
    assert found == sorted(found)
    assert found[0][1] == found[2][1] == found[4][1] == 4
    assert found[1][1] == found[3][1] == 4 + 36


def test_captions_are_broken_and_cut():
    short = tile_panels([Panel('', flat(64, 64, 255))], height=64)
    many = tile_panels([Panel('word ' * 9, flat(64, 64, 255))], height=64)
    wide = tile_panels([Panel('word' * 9, flat(64, 64, 255))], height=64)
    assert short.shape[1] == many.shape[1] == wide.shape[1]
    assert (short == 255).all()
    for sheet in (many, wide):
        assert (sheet < 128).any()
        # nothing is written beyond the panel
        assert (sheet[:, :6] == 255).all()
        assert (sheet[:, -6:] == 255).all()
    assert many.shape[0] > wide.shape[0] > short.shape[0] - 1


def test_caption_tells_the_range():
    caption = map_caption('semantic map', np.array([[-1.23456, 7.0]]))
    assert caption == 'semantic map\n-1.23 … 7'


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match='at least one'):
        tile_panels([])
    with pytest.raises(ValueError, match='columns must be positive'):
        tile_panels([Panel('a', flat(4, 4, 0))], columns=0)
