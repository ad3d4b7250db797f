# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Nothing random depends on what ran before, or in which process."""

import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from test_engine.tiny_training import (
    Interrupted,
    InterruptHook,
    assert_same,
    iteration_options,
    read_state,
    tiny_config,
    train,
)

from projects.scm.datasets import SeededDataset, SeededSampler
from projects.scm.engine.seed import seed_dataloader
from projects.scm.utils.randomness import (
    derive_seeds,
    seed_iteration,
    seed_sample,
)


def interrupt_and_resume(data, folder, iteration, last, **options):
    """State at the end of an uninterrupted training and of another."""
    train(tiny_config(data, folder / 'whole', **options))
    with pytest.raises(Interrupted):
        train(
            tiny_config(data, folder / 'killed', **options),
            InterruptHook(iteration),
        )
    runner = train(
        tiny_config(data, folder / 'killed', resume=True, **options)
    )
    assert runner.iter > iteration
    return (read_state(folder / n / last) for n in ('killed', 'whole'))


def test_resumed_after_an_epoch(tiny_cub, tmp_path):
    """Drop path, dropout, crop, flip, order, schedule."""
    found, expected = interrupt_and_resume(
        tiny_cub, tmp_path, 4, 'epoch_3.pth'
    )
    assert_same(found, expected)


@pytest.mark.parametrize('sampler', ['InfiniteSampler', 'DefaultSampler'])
def test_resumed_by_iteration(tiny_cub, tmp_path, sampler, monkeypatch):
    """Three iterations are a pass, so that the resume is in the second."""
    # mmengine waits two seconds where it starts workers again
    monkeypatch.setattr('mmengine.runner.loops.time.sleep', lambda _: None)
    found, expected = interrupt_and_resume(
        tiny_cub, tmp_path, 5, 'iter_8.pth', **iteration_options(sampler)
    )
    assert_same(found, expected)


def test_drop_path_is_on_and_seeded(tiny_cub, tmp_path):
    """Without it the tests above would say nothing."""
    states = [
        read_state(tmp_path / name / 'epoch_1.pth')['state_dict']
        for name, options in (
            ('a', {}),
            ('b', {'model.backbone.drop_path_rate': 0.0}),
            ('c', {'model.backbone.drop_rate': 0.0}),
        )
        if train(
            tiny_config(
                tiny_cub,
                tmp_path / name,
                **{'train_cfg.max_epochs': 1},
                **options,
            )
        )
    ]
    for other in states[1:]:
        assert any(
            not torch.equal(value, other[key])
            for key, value in states[0].items()
        )


def read_batches(cfg, workers, persistent, first=0):
    """Images of three epochs, or of those from a later one."""
    init_default_scope('mmpretrain')
    loader = Runner.build_dataloader(
        seed_dataloader(
            dict(
                cfg.train_dataloader,
                num_workers=workers,
                persistent_workers=persistent,
            ),
            seed=5,
        ),
        seed=5,
    )
    images = []
    for epoch in range(first, 3):
        loader.sampler.set_epoch(epoch)
        images += [batch['inputs'] for batch in loader]
    return images


@pytest.mark.filterwarnings('ignore:This DataLoader will create')
def test_workers_do_not_change_augmentations(tiny_cub, tmp_path):
    """Nor does a resume; without persistent workers epochs differ too."""
    cfg = tiny_config(tiny_cub, tmp_path)
    expected = read_batches(cfg, 0, False)
    assert len(expected) == 9
    for workers, persistent in ((2, True), (2, False), (4, True)):
        found = read_batches(cfg, workers, persistent)
        assert_same(found, expected, f'{workers} {persistent}')
    assert_same(read_batches(cfg, 2, True, first=1), expected[3:])


def test_every_epoch_and_sample_draws_anew(tiny_cub):
    """Also without persistent workers, which drew the same every epoch."""

    class Draws(torch.utils.data.Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return index, torch.rand(1).item()

    sampler = DefaultSampler(Draws(), seed=3)
    loader = torch.utils.data.DataLoader(
        SeededDataset(Draws(), seed=3),
        sampler=SeededSampler(Draws(), sampler),
        num_workers=2,
        batch_size=None,
    )
    seen = []
    for epoch in range(3):
        loader.sampler.set_epoch(epoch)
        seen += [value for _, value in loader]
    assert sampler.epoch == 2
    assert len(set(seen)) == 18


def test_endless_sampler_draws_anew_each_pass_and_after_a_skip():
    data = list(range(4))
    stream = iter(SeededSampler(data, dict(type='InfiniteSampler'), seed=1))
    drawn = [next(stream) for _ in range(12)]
    assert [index.draw for index in drawn] == list(range(12))
    later = SeededSampler(data, InfiniteSampler(data, seed=1))
    later.skip(5)
    stream = iter(later)
    for expected in drawn[5:]:
        found = next(stream)
        assert (found, found.draw) == (expected, expected.draw)


def test_processes_share_the_places_of_an_epoch(monkeypatch):
    """A sample draws the same, whichever process it falls to."""
    data = list(range(5))
    alone = {
        int(index): index.draw
        for index in SeededSampler(data, dict(type='DefaultSampler'), seed=7)
    }
    together = []
    for rank in range(2):
        for module in (
            'mmengine.dataset.sampler',
            'projects.scm.datasets.seeding',
        ):
            monkeypatch.setattr(
                f'{module}.get_dist_info', lambda r=rank: (r, 2)
            )
        together += SeededSampler(data, dict(type='DefaultSampler'), seed=7)
    assert sorted(index.draw for index in together) == list(range(6))
    for index in together:
        if index.draw < 5:  # the sixth fills up
            assert alone[int(index)] == index.draw


def test_seeds_of_neighbours_are_unrelated():
    seeds = {
        seed
        for run in range(3)
        for epoch in range(3)
        for draw in range(20)
        for seed in derive_seeds(run, epoch, draw)
    }
    assert len(seeds) == 3 * 3 * 20 * 3
    with pytest.raises(ValueError, match='non-negative'):
        derive_seeds(-1)


def test_ranks_and_iterations_drop_different_units():
    drawn = set()
    for iteration in range(3):
        for rank in range(3):
            seed_iteration(0, iteration, rank)
            drawn.add(torch.rand(1).item())
    seed_sample(0, 0, 0)
    drawn.add(torch.rand(1).item())
    assert len(drawn) == 10
