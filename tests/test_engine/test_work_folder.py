# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json
import multiprocessing
import os
import shutil
import time

import pytest
from mmengine.config import Config

from projects.scm.engine.work_folder import (
    WorkFolderInUse,
    WorkFolderLock,
    compare_settings,
    find_intact,
    flatten_settings,
    last_checkpoint,
    point_to,
    prepare_work_folder,
    read_validated,
    write_validated,
)
from projects.scm.engine.work_folder.lock import LOCK


def read(path):
    """A checkpoint that is intact says so."""
    with open(path) as file:
        if file.read() != 'intact':
            raise EOFError('half a file')


@pytest.fixture
def folder(tmp_path):
    """Three checkpoints, of which the last is noted."""
    for step in (1, 2, 3, 11):
        (tmp_path / f'epoch_{step}.pth').write_text('intact')
    (tmp_path / 'best_acc_epoch_2.pth').write_text('intact')
    point_to(tmp_path / 'epoch_3.pth', tmp_path)
    return tmp_path


def test_the_noted_checkpoint_is_resumed(folder):
    """Not that of a longer training that was here before."""
    path, problems = find_intact(folder, read)
    assert path == folder / 'epoch_3.pth'
    assert problems == []


def test_the_newest_intact_one_before_a_damaged_one(folder):
    (folder / 'epoch_3.pth').write_text('inta')
    (folder / 'epoch_2.pth').unlink()
    path, problems = find_intact(folder, read)
    assert path == folder / 'epoch_1.pth'
    assert problems == [f'{folder / "epoch_3.pth"}: EOFError: half a file']


def test_nothing_intact_is_an_error_that_names_all(folder):
    for step in (1, 2, 3):
        (folder / f'epoch_{step}.pth').write_text('')
    with pytest.raises(ValueError, match='can be read') as caught:
        find_intact(folder, read)
    for step in (1, 2, 3):
        assert f'epoch_{step}.pth: EOFError' in str(caught.value)
    assert 'epoch_11' not in str(caught.value)


@pytest.mark.parametrize('content', [None, ''])
def test_killed_between_the_first_checkpoint_and_its_note(tmp_path, content):
    """``content`` of the note; MMEngine's own may be left empty."""
    if content is not None:
        (tmp_path / 'last_checkpoint').write_text(content)
    assert find_intact(tmp_path, read) == (None, [])
    (tmp_path / 'best_acc_epoch_2.pth').write_text('intact')
    (tmp_path / 'epoch_1.pth').write_text('intact')
    assert find_intact(tmp_path, read)[0] == tmp_path / 'epoch_1.pth'


def test_moved_and_copied_folders_use_their_own(folder, tmp_path):
    copy = tmp_path / 'copy'
    shutil.copytree(folder, copy, ignore=lambda *_: ['copy'])
    assert last_checkpoint(copy) == copy / 'epoch_3.pth'
    (copy / 'epoch_3.pth').unlink()  # kept elsewhere, by out_dir
    assert last_checkpoint(copy) == folder / 'epoch_3.pth'
    path, problems = find_intact(copy, read)
    assert path == copy / 'epoch_2.pth'
    assert [text.partition(': ')[0] for text in problems] == [
        str(copy / 'epoch_3.pth')
    ]
    for file in copy.glob('*.pth'):
        file.unlink()
    assert find_intact(copy, read)[0] == folder / 'epoch_3.pth'


def test_validated(tmp_path):
    assert read_validated(tmp_path) == 0
    write_validated(tmp_path, 12)
    assert read_validated(tmp_path) == 12
    (tmp_path / 'last_validation').write_text('{"itera')
    assert read_validated(tmp_path) == 0


def test_a_second_training_is_refused(tmp_path):
    with WorkFolderLock(tmp_path) as lock:
        lock.verify()
        lock.check()
        with pytest.raises(WorkFolderInUse) as caught:
            WorkFolderLock(tmp_path).__enter__()
        owner = json.loads((tmp_path / LOCK).read_text())
        for part in (
            f'host {owner["host"]}',
            f'process {os.getpid()}',
            f'since {owner["since"]}',
            'another --work-dir',
        ):
            assert part in str(caught.value)
    assert not (tmp_path / LOCK).exists()
    with WorkFolderLock(tmp_path):
        pass


def hold(folder, connection):
    with WorkFolderLock(folder):
        connection.send('held')
        time.sleep(600)


def test_a_killed_training_leaves_no_obstacle(tmp_path):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context('fork').Process(
        target=hold, args=(tmp_path, theirs)
    )
    process.start()
    try:
        assert ours.poll(60)
        with pytest.raises(WorkFolderInUse, match=f'process {process.pid},'):
            WorkFolderLock(tmp_path).check()
    finally:
        process.kill()
        process.join()
    assert (tmp_path / LOCK).exists()
    with WorkFolderLock(tmp_path):
        pass


def write_lock(folder, age_s, **owner):
    path = folder / LOCK
    path.write_text(json.dumps(owner))
    then = time.time() - age_s
    os.utime(path, (then, then))


def test_another_host_is_told_by_its_signs_of_life(tmp_path):
    write_lock(tmp_path, 100, host='far', pid=1, since='noon', token='x')
    with pytest.raises(WorkFolderInUse, match=r'far.* 180 s after the last'):
        WorkFolderLock(tmp_path).check()
    write_lock(tmp_path, 200, host='far', pid=1, since='noon', token='x')
    WorkFolderLock(tmp_path).check()


def test_a_number_that_was_given_again_is_no_obstacle(tmp_path):
    with WorkFolderLock(tmp_path):
        owner = json.loads((tmp_path / LOCK).read_text())
    owner['start'] = '1'
    write_lock(tmp_path, 0, **owner)
    WorkFolderLock(tmp_path).check()


def test_signs_of_life_and_a_lock_that_was_taken_over(tmp_path):
    with WorkFolderLock(tmp_path, heartbeat_s=0.05, stale_s=0.0) as lock:
        owner = json.loads((tmp_path / LOCK).read_text())
        write_lock(tmp_path, 1000, **owner)
        deadline = time.monotonic() + 10
        while time.time() - (tmp_path / LOCK).stat().st_mtime > 500:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        write_lock(tmp_path, 0, host='far', pid=7, token='x')
        other = WorkFolderLock(tmp_path)
        with pytest.raises(WorkFolderInUse, match='host far, process 7'):
            other.check()
        lock.stale_s = 180.0
        with pytest.raises(WorkFolderInUse, match='host far, process 7'):
            lock.verify()
    assert (tmp_path / LOCK).exists()  # it is not ours to remove


def test_settings():
    cfg = dict(
        model=dict(backbone=dict(depth=2, arch=[1, 2]), head=None),
        train_dataloader=dict(
            batch_size=4,
            num_workers=2,
            dataset=dict(pipeline=[dict(type='A'), dict(type='B', p=0.5)]),
        ),
        work_dir='somewhere',
    )
    settings = flatten_settings(cfg)
    assert settings == {
        'model.backbone.depth': '2',
        'model.backbone.arch': '[1, 2]',
        'model.head': 'None',
        'data_preprocessor': 'None',
        'optim_wrapper': 'None',
        'param_scheduler': 'None',
        'train_cfg': 'None',
        'train_dataloader.batch_size': '4',
        'train_dataloader.dataset.pipeline[0].type': "'A'",
        'train_dataloader.dataset.pipeline[1].type': "'B'",
        'train_dataloader.dataset.pipeline[1].p': '0.5',
        'randomness': 'None',
    }
    now = {**settings, 'model.backbone.depth': '3', 'model.neck': '1'}
    del now['train_dataloader.dataset.pipeline[1].p']
    assert compare_settings(settings, now) == {
        'model.backbone.depth': ('2', '3'),
        'train_dataloader.dataset.pipeline[1].p': ('0.5', 'not set'),
        'model.neck': ('not set', '1'),
    }


def test_resume_that_begins_keeps_load_from(tmp_path):
    cfg = Config(dict(work_dir=str(tmp_path), resume=True, load_from=None))
    prepare_work_folder(cfg, 'weights.pth')
    assert (cfg.resume, cfg.load_from) == (False, 'weights.pth')
    (tmp_path / 'epoch_1.pth').touch()
    cfg = Config(dict(work_dir=str(tmp_path), resume=True, load_from=None))
    prepare_work_folder(cfg, 'weights.pth')
    assert (cfg.resume, cfg.load_from) == (True, None)
    with WorkFolderLock(tmp_path), pytest.raises(WorkFolderInUse):
        prepare_work_folder(cfg, None)
