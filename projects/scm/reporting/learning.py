# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Learning curves from the scalars that a training writes beside its log."""

from pathlib import Path
from typing import NamedTuple

from projects.scm.utils import read_json_lines

SCALARS = '*/vis_data/scalars.json'
MAX_POINTS = 200


class Learning(NamedTuple):
    """Of one training; parts that were resumed are joined."""

    loss: list[tuple[int, float]]
    """Iterations, and the loss then; at most :data:`MAX_POINTS`."""
    figures: dict[str, list[tuple[int, float]]]
    """By name, epochs and accuracies in percent of the validations."""


def read_learning(folder: str | Path) -> Learning | None:
    """Read the scalars of all runs in a work folder.

    Args:
        folder (str | Path): With a folder a run, as MMEngine makes them.

    Returns:
        Learning | None: None if no training has left scalars there.
    """
    loss: dict[int, float] = {}
    figures: dict[str, dict[int, float]] = {}
    for path in sorted(Path(folder).glob(SCALARS)):
        entries = read_json_lines(path)
        if not any('loss' in entry for entry in entries):
            continue  # a test
        for entry in entries:
            step = entry.get('step')
            if isinstance(step, int) and 'loss' in entry:
                loss[step] = float(entry['loss'])
            elif isinstance(step, int):
                for name, value in entry.items():
                    if name.endswith(_SHOWN):
                        figures.setdefault(name, {})[step] = float(value)
    if not loss:
        return None
    points = sorted(loss.items())
    return Learning(
        points[:: -(-len(points) // MAX_POINTS)],
        {name: sorted(values.items()) for name, values in figures.items()},
    )


_SHOWN = ('top1_cls_acc', 'top1_loc', 'gt_known_acc', 'max_box_acc')
