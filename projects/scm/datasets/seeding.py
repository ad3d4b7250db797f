# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Augmentations that neither a resume nor the number of workers changes.

The sampler tells with each index where in the training it was drawn; the
dataset seeds from that. So a worker process knows the epoch, however long it
lives and whoever started it.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from mmengine.dist import get_dist_info
from mmpretrain.registry import DATA_SAMPLERS, DATASETS
from torch.utils.data import Dataset, Sampler

from projects.scm.utils.randomness import seed_sample


class DrawnIndex(int):
    """Index of a sample that knows when it was drawn.

    Args:
        index (int): Index in the dataset.
        epoch (int): Epoch of the sampler, from 0.
        draw (int): Place in the epoch's order over all processes, from 0.
    """

    epoch: int
    draw: int

    def __new__(cls, index: int, epoch: int, draw: int) -> 'DrawnIndex':
        """Make one of an index."""
        self = super().__new__(cls, index)
        self.epoch = epoch
        self.draw = draw
        return self

    def __reduce__(self) -> tuple:
        return DrawnIndex, (int(self), self.epoch, self.draw)


@DATA_SAMPLERS.register_module()
class SeededSampler(Sampler):
    """Let the indices of another sampler tell when they were drawn.

    Attributes that it has not itself are those of the other sampler.

    Args:
        dataset (Dataset): What is sampled.
        sampler (dict | Sampler): The other sampler, or its config.
        seed (int, optional): Of the other sampler, equal in all processes.
            Defaults to None.
    """

    def __init__(
        self,
        dataset: Dataset,
        sampler: dict | Sampler,
        seed: int | None = None,
    ) -> None:
        if isinstance(sampler, dict):
            sampler = DATA_SAMPLERS.build(
                sampler, default_args=dict(dataset=dataset, seed=seed)
            )
        self.sampler = sampler
        self.rank, self.world_size = get_dist_info()
        self._start = 0  # of an endless stream
        self._left_out = 0  # of one epoch
        if hasattr(sampler, 'skip'):
            self.skip = self._skip

    def __iter__(self) -> Iterator[DrawnIndex]:
        """Yield the indices of an epoch, or of the endless stream."""
        epoch = getattr(self.sampler, 'epoch', 0)
        left_out, self._left_out = self._left_out, 0
        places = enumerate(self.sampler, self._start)
        for place, index in islice(places, left_out, None):
            draw = place * self.world_size + self.rank
            yield DrawnIndex(index, epoch, draw)

    def __len__(self) -> int:
        return len(self.sampler)

    def begin_at(self, place: int) -> None:
        """Leave the first samples of the next epoch out, of that one only.

        Args:
            place (int): Samples of this process to leave out.
        """
        self._left_out = place

    def _skip(self, num_samples: int) -> None:
        """Begin an endless stream later: as ``InfiniteSampler.skip``."""
        self.sampler.skip(num_samples)
        self._start = num_samples

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__') or name == 'sampler':
            raise AttributeError(name)
        return getattr(self.sampler, name)


@DATASETS.register_module()
class SeededDataset(Dataset):
    """Seed before each sample of another dataset, from when it was drawn.

    Seeded are ``random``, NumPy and PyTorch on the CPU, which transforms draw
    from. Attributes that it has not itself are those of the other dataset.

    Args:
        dataset (dict | Dataset): The other dataset, or its config.
        seed (int): Of the run.
    """

    def __init__(self, dataset: dict | Dataset, seed: int) -> None:
        if isinstance(dataset, dict):
            dataset = DATASETS.build(dataset)
        self.dataset = dataset
        self.seed = seed

    def __getitem__(self, index: int) -> Any:
        """The other's sample; a :class:`DrawnIndex` seeds before it."""
        if isinstance(index, DrawnIndex):
            seed_sample(self.seed, index.epoch, index.draw)
        return self.dataset[int(index)]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        # Never of special methods: PyTorch would fetch whole batches past us.
        if name.startswith('__') or name == 'dataset':
            raise AttributeError(name)
        return getattr(self.dataset, name)
