# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What every search of a map for contours starts from."""

from typing import NamedTuple

import numpy as np

from projects.scm.utils.compiling import njit

from .hill_forest import HillForest, grow_forest
from .hills import NO, YES, Hills, Turns, find_hills, find_turns


class Terrain(NamedTuple):
    """A grey-level map of H rows and W columns, frame included, surveyed."""

    levels: np.ndarray  # (H, W) uint8, with a frame of zeros
    turned: np.ndarray  # (W, H) uint8, its transpose, contiguous
    row_turns: Turns
    column_turns: Turns
    hills: Hills  # of the rows
    columns: Hills  # hills of the columns
    forest: HillForest  # of the hills, 8-connected


@njit(cache=True, nogil=True)
def survey(levels: np.ndarray, turned: np.ndarray) -> Terrain:
    """See :class:`Terrain`."""
    row_turns, column_turns = find_turns(turned), find_turns(levels)
    hills = find_hills(levels, row_turns, NO)
    return Terrain(
        levels,
        turned,
        row_turns,
        column_turns,
        hills,
        find_hills(turned, column_turns, NO),
        grow_forest(levels, hills, YES),
    )
