# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A function in two processes that talk by gloo."""

import os
import socket

import torch

WORLD_SIZE = 2


def free_port():
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return server.getsockname()[1]


def run_in_two_processes(function, *args):
    torch.multiprocessing.spawn(
        start, (free_port(), function, args), nprocs=WORLD_SIZE
    )


def start(rank, port, function, args):
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(WORLD_SIZE),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo')
    function(rank, *args)
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
