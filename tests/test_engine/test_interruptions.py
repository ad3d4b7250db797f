# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Trainings that are interrupted where it hurts."""

import logging
import shutil

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS
from test_engine.tiny_training import (
    Interrupted,
    InterruptHook,
    assert_same,
    quick,
    read_state,
    tiny_config,
    train,
)

from projects.scm.engine.work_folder import WorkFolderInUse, WorkFolderLock

BEST = {
    'default_hooks.checkpoint.max_keep_ckpts': 1,
    'default_hooks.checkpoint.save_best': 'accuracy/top1',
    'default_hooks.checkpoint.rule': 'less',
}


@pytest.fixture
def words(caplog, monkeypatch):
    """What the runs of a test log, with warnings."""
    caplog.set_level(logging.INFO, 'mmengine')
    text = []
    monkeypatch.setattr(
        logging.Handler,
        'handle',
        lambda _, record: text.append(record.getMessage()),
    )
    return lambda: '\n'.join(text)


class BreakHook(Hook):
    """Ends a training at a step of the saving."""

    priority = 'LOWEST'

    def __init__(self, epoch):
        self.epoch = epoch

    def after_train_epoch(self, runner):
        if runner.epoch + 1 == self.epoch:
            raise Interrupted


class BreakOff(Hook):
    priority = 'LOWEST'

    def __init__(self, iteration):
        self.iteration = iteration

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter + 1 == self.iteration:
            raise Interrupted


class CountHook(Hook):
    def __init__(self):
        self.validated = []

    def after_val_epoch(self, runner, metrics=None):
        self.validated.append(runner.iter)


@pytest.fixture(scope='module')
def whole(tiny_cub, tmp_path_factory):
    """An uninterrupted training, all of its checkpoints and state."""
    folder = tmp_path_factory.mktemp('whole')
    train(tiny_config(tiny_cub, folder))
    return folder


def test_killed_between_save_and_validation(tiny_cub, tmp_path, whole):
    with pytest.raises(Interrupted):
        train(tiny_config(tiny_cub, tmp_path, **BEST), BreakHook(2))
    assert (tmp_path / 'epoch_2.pth').exists()
    count = CountHook()
    train(tiny_config(tiny_cub, tmp_path, resume=True, **BEST), count)
    assert count.validated == [6, 9]
    again = CountHook()
    train(tiny_config(tiny_cub, tmp_path, resume=True, **BEST), again)
    assert again.validated == []
    kept = [p.name for p in tmp_path.glob('epoch_*')]
    assert kept == ['epoch_3.pth']
    assert len(list(tmp_path.glob('best_*'))) == 1
    assert_same(
        read_state(tmp_path / 'epoch_3.pth'),
        read_state(whole / 'epoch_3.pth'),
    )


def test_what_is_kept_is_deleted_last(tiny_cub, tmp_path, monkeypatch):
    """A full disk at the second checkpoint leaves the first and the best."""
    from projects.scm.utils import file_backend

    writes = []
    write_file = file_backend.write_file

    def fill(path, data):
        if str(path).endswith('epoch_2.pth'):
            writes.append(path)
            raise OSError(28, 'No space left on device', str(path))
        write_file(path, data)

    monkeypatch.setattr(file_backend, 'write_file', fill)
    with pytest.raises(OSError, match=r'No space.*epoch_2\.pth'):
        train(tiny_config(tiny_cub, tmp_path, **BEST))
    assert writes
    names = sorted(p.name for p in tmp_path.glob('*.pth'))
    assert len(names) == 2
    assert names[1] == 'epoch_1.pth'
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_1.pth')
    assert not list(tmp_path.glob('.*.part'))


def test_damaged_last_checkpoint(tiny_cub, tmp_path, whole, words):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    last = tmp_path / 'epoch_3.pth'
    last.write_bytes(last.read_bytes()[:1000])
    runner = train(
        tiny_config(tiny_cub, tmp_path, resume=True, log_level='INFO')
    )
    assert runner._load_from == str(tmp_path / 'epoch_2.pth')
    assert f'an earlier one is resumed: {last}: ' in words()
    assert_same(read_state(last), read_state(whole / 'epoch_3.pth'))


@pytest.mark.parametrize('saved', [4, 6])
def test_in_the_middle_of_an_epoch(tiny_cub, tmp_path, whole, saved):
    """Saved by iteration, the sixth the last of an epoch.

    MMEngine would begin the epoch again.
    """
    options = {
        'default_hooks.checkpoint.by_epoch': False,
        'default_hooks.checkpoint.interval': 2,
    }
    with pytest.raises(Interrupted):
        train(
            tiny_config(tiny_cub, tmp_path, **options),
            BreakOff(saved),
        )
    noted = (tmp_path / 'last_checkpoint').read_text()
    assert noted.endswith(f'iter_{saved}.pth')
    runner = train(tiny_config(tiny_cub, tmp_path, resume=True, **options))
    assert (runner.epoch, runner.iter) == (3, 9)
    assert_same(
        read_state(tmp_path / 'iter_9.pth'), read_state(whole / 'epoch_3.pth')
    )


def test_gradients_that_wait_for_more(tiny_cub, tmp_path):
    """Three iterations an epoch, two a step."""
    options = {'optim_wrapper.accumulative_counts': 2}
    train(tiny_config(tiny_cub, tmp_path / 'whole', **options))
    cfg = tiny_config(tiny_cub, tmp_path / 'killed', **options)
    with pytest.raises(Interrupted):
        train(cfg, InterruptHook(4))
    train(tiny_config(tiny_cub, tmp_path / 'killed', resume=True, **options))
    assert_same(
        *(
            read_state(tmp_path / n / 'epoch_3.pth')
            for n in ('killed', 'whole')
        )
    )


def test_seed_that_was_drawn(tiny_cub, tmp_path):
    """Without one in the config, the checkpoint's is used throughout."""
    options = {'randomness': dict(seed=None)}
    whole = train(tiny_config(tiny_cub, tmp_path, **options))
    resumed = train(
        tiny_config(
            tiny_cub,
            tmp_path / 'resumed',
            resume=True,
            load_from=str(tmp_path / 'epoch_1.pth'),
            **options,
        )
    )
    assert resumed._randomness_cfg['seed'] == whole.seed
    assert_same(
        read_state(tmp_path / 'resumed' / 'epoch_3.pth'),
        read_state(tmp_path / 'epoch_3.pth'),
    )


def test_copied_folder_leaves_the_original_alone(tiny_cub, tmp_path):
    original, copy = tmp_path / 'original', tmp_path / 'copy'
    options = {**BEST, 'train_cfg.max_epochs': 1}
    train(tiny_config(tiny_cub, original, **options))
    shutil.copytree(original, copy)
    before = {p: p.stat().st_mtime_ns for p in original.rglob('*')}
    runner = RUNNERS.build(
        tiny_config(
            tiny_cub, copy, resume=True, **{**BEST, 'train_cfg.max_epochs': 2}
        )
    )
    # Every later model is better: the best one before is removed.
    runner.register_hook(ForgetBest(), priority='NORMAL')
    with quick():
        runner.train()
    assert runner._load_from == str(copy / 'epoch_1.pth')
    assert {p: p.stat().st_mtime_ns for p in original.rglob('*')} == before
    assert len(list(copy.glob('best_*'))) == 1


class ForgetBest(Hook):
    def before_val_epoch(self, runner):
        runner.message_hub.update_info('best_score', float('inf'))


def test_folder_in_use(tiny_cub, tmp_path):
    with (
        WorkFolderLock(tmp_path),
        pytest.raises(WorkFolderInUse, match='in use by another training'),
    ):
        train(tiny_config(tiny_cub, tmp_path))
    assert not list(tmp_path.glob('*.pth'))


def test_other_model(tiny_cub, tmp_path, whole):
    """Its ``init_cfg`` is not what the message is about."""
    checkpoint = str(whole / 'epoch_2.pth')
    options = {
        'resume': True,
        'load_from': checkpoint,
        'model.backbone.init_cfg': dict(
            _delete_=True,
            type='Pretrained',
            checkpoint=checkpoint,
            prefix='backbone.',
        ),
    }
    arch = dict(
        embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=32
    )
    for change, said in (
        (
            {'model.head.num_classes': 4},
            ['model.head.num_classes: 2 in the checkpoint, 4 now'],
        ),
        (
            {'model.backbone.arch': arch},
            ['num_layers: 2 in the checkpoint, 3 now', 'absent'],
        ),
    ):
        with pytest.raises(ValueError, match='cannot be resumed') as caught:
            train(tiny_config(tiny_cub, tmp_path, **options, **change))
        for part in (*said, f'load_from={checkpoint}'):
            assert part in str(caught.value)


def test_weights_of_init_cfg_are_not_needed_twice(tiny_cub, tmp_path, whole):
    """Of a resumed training: it goes on where they are gone."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    (tmp_path / 'epoch_3.pth').unlink()
    gone = dict(_delete_=True, type='Pretrained', checkpoint='gone.pth')
    train(
        tiny_config(
            tiny_cub,
            tmp_path,
            resume=True,
            **{'model.backbone.init_cfg': gone},
        )
    )
    assert_same(
        read_state(tmp_path / 'epoch_3.pth'),
        read_state(whole / 'epoch_3.pth'),
    )


def test_other_learning_rate(tiny_cub, tmp_path, whole, words):
    checkpoint = str(whole / 'epoch_2.pth')
    train(
        tiny_config(
            tiny_cub,
            tmp_path,
            resume=True,
            load_from=checkpoint,
            log_level='INFO',
            **{'optim_wrapper.optimizer.lr': 0.5},
        )
    )
    assert (
        'optim_wrapper.optimizer.lr: 0.001 in the checkpoint, 0.5 now'
        in words()
    )
    assert_same(
        read_state(tmp_path / 'epoch_3.pth'),
        read_state(whole / 'epoch_3.pth'),
    )


def test_settings_hold_no_code(whole):
    checkpoint = torch.load(whole / 'epoch_1.pth', weights_only=False)
    settings = checkpoint['meta']['settings']
    assert settings['model.backbone.drop_path_rate'] == '0.1'
    assert {type(value) for value in settings.values()} == {str}
