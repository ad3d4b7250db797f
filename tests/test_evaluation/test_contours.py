# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Hills and their forest against labelling at every cut."""

import numpy as np
import pytest
from map_zoo import KINDS
from scipy import ndimage

from projects.scm.evaluation.functional.contours.hill_forest import (
    component_of,
    grow_forest,
)
from projects.scm.evaluation.functional.contours.hills import (
    find_hills,
    find_turns,
    hill_at,
)


def turns_by_hand(line):
    """Positions where a line stops rising, then stops falling, and so on."""
    turns, falling = [], False
    for i in range(1, len(line)):
        step = int(line[i]) - int(line[i - 1])
        if (step > 0) if falling else (step < 0):
            turns.append(i)
            falling = not falling
    return turns


def draw(kind, seed, size=30):
    score_map = KINDS[kind](np.random.default_rng(seed), size)
    return np.pad((score_map * 255).astype(np.uint8), 1)


@pytest.mark.parametrize('kind', sorted(KINDS))
def test_turns(kind):
    levels = draw(kind, 1)
    turns = find_turns(np.ascontiguousarray(levels.T))
    for y, line in enumerate(levels):
        found = turns.at[turns.first[y] : turns.first[y + 1]]
        assert found.tolist() == turns_by_hand(line)


@pytest.mark.parametrize('hollow', [False, True])
@pytest.mark.parametrize('kind', sorted(KINDS))
def test_hills_rise_then_fall(kind, hollow):
    levels = draw(kind, 2)
    turns = find_turns(np.ascontiguousarray(levels.T))
    levels = 255 - levels if hollow else levels
    hills = find_hills(levels, turns, hollow)
    starts, peaks, tops, rows, first = hills
    assert first[-1] == len(peaks) == len(tops) == len(rows)
    for y, line in enumerate(levels):
        places = range(first[y], first[y + 1])
        ends = [*starts[first[y] + 1 : first[y + 1]], len(line)]
        assert starts[first[y]] == 0
        for hill, end in zip(places, ends, strict=True):
            assert starts[hill] <= peaks[hill] < end
            piece = line[starts[hill] : end].astype(int)
            peak = peaks[hill] - starts[hill]
            assert tops[hill] == piece.max() == piece[peak]
            assert (np.diff(piece[: peak + 1]) >= 0).all()
            assert (np.diff(piece[peak:]) <= 0).all()
            assert rows[hill] == y


@pytest.mark.parametrize('hollow', [False, True])
@pytest.mark.parametrize('kind', sorted(KINDS))
def test_components_at_every_cut(kind, hollow):
    levels = draw(kind, 3)
    turns = find_turns(np.ascontiguousarray(levels.T))
    levels = 255 - levels if hollow else levels
    hills = find_hills(levels, turns, hollow)
    forest = grow_forest(levels, hills, not hollow)
    neighbours = ndimage.generate_binary_structure(2, 1 if hollow else 2)
    for cut in range(0, 255, 10):
        labels, count = ndimage.label(levels > cut, neighbours)
        assert forest.counts[cut] == count
        pairs = {
            (
                labels[y, x],
                component_of(
                    forest, forest.summits[hill_at(hills, y, x)], cut
                ),
            )
            for y, x in zip(*np.nonzero(labels), strict=True)
        }
        # One root for each label, and one label for each root.
        assert len(pairs) == count
        assert len({root for _, root in pairs}) == count
