# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Seeds that depend on what is drawn, not on what was drawn before.

A generator that runs through a whole training cannot be resumed without its
state in every process. Here it is set anew for every sample and iteration, to
a seed that is derived from the seed of the run and the place of what is
drawn. A resumed run and one with other workers then draw the same.
"""

import random

import numpy as np
import torch

#: Keep samples and iterations of equal numbers apart.
_SAMPLE, _ITERATION = 0, 1


def derive_seeds(*parts: int) -> tuple[int, int, int]:
    """Derive independent seeds from numbers.

    Args:
        *parts (int): At least 0, such as the seed of the run and an epoch.

    Returns:
        tuple[int, int, int]: For ``random``, NumPy and PyTorch, each in
        0…2³² − 1.

    Raises:
        ValueError: If a number is negative.
    """
    # NumPy's hash of any numbers, of which two that differ a little in one
    # place share nothing.
    return tuple(np.random.SeedSequence(parts).generate_state(3).tolist())


def seed_sample(seed: int, epoch: int, draw: int) -> None:
    """Seed what augmentations draw from, on the CPU of this process.

    Args:
        seed (int): Of the run.
        epoch (int): From 0.
        draw (int): Place of the sample in the epoch's order, from 0, counted
            over all processes.
    """
    for_torch = _seed(seed, _SAMPLE, epoch, draw)
    torch.default_generator.manual_seed(for_torch)


def seed_iteration(seed: int, iteration: int, rank: int) -> None:
    """Seed what the model draws from: all generators, all devices.

    Args:
        seed (int): Of the run.
        iteration (int): From 0, over all epochs.
        rank (int): Of this process among all that train: each drops other
            units.
    """
    torch.manual_seed(_seed(seed, _ITERATION, iteration, rank))


def _seed(*parts: int) -> int:
    """Seed ``random`` and NumPy; the seed for PyTorch."""
    python, numpy, for_torch = derive_seeds(*parts)
    random.seed(python)
    np.random.seed(numpy)  # noqa: NPY002
    return for_torch
