# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What is settled about a work folder before a training is built."""

import os

from mmengine.config import Config

from .checkpoints import has_checkpoints
from .lock import WorkFolderLock


def prepare_work_folder(cfg: Config, load_from: str | None) -> None:
    """Refuse a folder in use before anything is written into it.

    MMPretrain's tool drops ``load_from`` where it resumes; in a folder with
    nothing to resume from, the config's is put back, so that a command with
    ``--resume`` can begin a training as well.

    Args:
        cfg (Config): Config as it is trained. It may be changed.
        load_from (str, optional): That of the config as it was read.

    Raises:
        WorkFolderInUse: If another training writes into it.
    """
    if os.environ.get('RANK', '0') == '0':
        WorkFolderLock(cfg.work_dir).check()
    named = cfg.get('load_from') is not None
    if cfg.get('resume') and not named and not has_checkpoints(cfg.work_dir):
        cfg.resume = False
        cfg.load_from = load_from
