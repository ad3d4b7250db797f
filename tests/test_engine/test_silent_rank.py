# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A process that is frozen ends the others with a message."""

import multiprocessing
import os
import signal
import socket

import pytest
import torch
from mmengine.hooks import Hook
from test_engine.tiny_training import tiny_config, train

from projects.scm.engine import silent_rank

TIMEOUT_S = 8


class FreezeHook(Hook):
    def before_train_iter(self, runner, *args, **kwargs):
        if runner.rank == 1 and runner.iter == 1:
            os.kill(os.getpid(), signal.SIGSTOP)


def run(rank, port, data, work_dir, connection):
    from projects.scm.apis.upstream_tools import adapt_to_cpu, start_gloo

    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    torch.set_num_threads(1)
    cfg = tiny_config(
        data, work_dir, **{'env_cfg.dist_cfg.timeout': TIMEOUT_S}
    )
    cfg.launcher = 'pytorch'
    adapt_to_cpu(cfg)
    start_gloo('pytorch', cfg)
    try:
        train(cfg, FreezeHook())
    except TimeoutError as error:
        connection.send(str(error))
        os._exit(1)


@pytest.mark.slow
def test_a_frozen_process_is_no_hang(tiny_cub, tmp_path):
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        port = server.getsockname()[1]
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context('spawn')
    processes = [
        context.Process(
            target=run, args=(rank, port, tiny_cub, tmp_path, theirs)
        )
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    try:
        assert ours.poll(300), 'no process has ended'
        message = ours.recv()
    finally:
        for process in processes:
            process.kill()
            process.join()
    assert message.startswith('process 0 of 2 had no answer from another one')
    assert 'env_cfg.dist_cfg.timeout' in message
    assert '--resume' in message


def test_other_errors_are_left_alone(monkeypatch):
    monkeypatch.setattr(silent_rank, 'get_dist_info', lambda: (1, 2))
    with (
        pytest.raises(RuntimeError, match='size of tensor'),
        silent_rank.explain_silence(),
    ):
        raise RuntimeError('size of tensor a must match')
    with (
        pytest.raises(TimeoutError, match='process 1 of 2'),
        silent_rank.explain_silence(),
    ):
        raise RuntimeError('[gloo] Timed out waiting 8000ms for recv')
    monkeypatch.setattr(silent_rank, 'get_dist_info', lambda: (0, 1))
    with (
        pytest.raises(RuntimeError, match='timed out'),
        silent_rank.explain_silence(),
    ):
        raise RuntimeError('timed out')
