# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Run mmpretrain's own ``train.py`` and ``test.py``, with a few adaptations.

mmpretrain installs its command line tools with itself, in ``.mim/tools``. Its
``parse_args``, ``merge_args`` and ``main`` are used as they are, so the flags
are those of the mmpretrain that is installed. Around them:

* files named on the command line must exist, before anything slow begins, and
  so must pretrained weights before training;
* ``--tta`` needs a config that says how maps and boxes are un-flipped;
* ``--cfg-options data_root=…`` moves the data of all dataloaders, and
  ``pixel_cache=…`` reaches all datasets;
* beside the file of ``test.py --out`` lies how it came about;
* a work folder that another training writes into is refused;
* ``--trust`` lets checkpoints run code, which nothing else does;
* dataloaders without worker processes are not asked to keep them alive;
* ``--launcher pytorch`` works without an accelerator, on gloo.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import gc
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_main_process
from torch import distributed

from projects.scm.engine.work_folder import prepare_work_folder
from projects.scm.utils.config_options import (
    load_config,
    move_data_root,
    set_pixel_cache,
)
from projects.scm.utils.run_card import write_card
from projects.scm.utils.trust import trusted
from projects.scm.utils.upstream_scripts import (
    argparse_with_trust,
    check_files,
    find_upstream_tool,
)

#: What is used of a script of mmpretrain.
_SCRIPT_PARTS = ('parse_args', 'merge_args', 'main')


def run_upstream_tool(name: str) -> None:
    """Run a tool of mmpretrain on the arguments of this process.

    Args:
        name: 'train' or 'test'.
    """
    tool = load_upstream_tool(name)
    tool.Config = SimpleNamespace(fromfile=load_config)
    merge_args = tool.merge_args

    def adapted_merge_args(cfg: Config, args: argparse.Namespace) -> Config:
        check_tta(cfg, args)
        root = cfg.get('data_root')
        load_from = cfg.get('load_from')
        cfg = merge_args(cfg, args)
        options = getattr(args, 'cfg_options', None)
        move_data_root(cfg, options, root)
        set_pixel_cache(cfg, options)
        settle_config(cfg, name, args.launcher, load_from)
        told.update(args=args, work_dir=cfg.work_dir)
        return cfg

    told: dict[str, Any] = {}
    tool.merge_args = adapted_merge_args
    with guarded(tool):
        tool.main()
        describe_results(told)


@contextlib.contextmanager
def guarded(tool: ModuleType) -> Iterator[None]:
    """Run a tool within, on arguments that are checked.

    Its files must exist, it has the option ``--trust``, without which no
    checkpoint runs code, and its processes end together.

    Args:
        tool: With ``parse_args``, which is replaced.
    """
    tool.argparse = argparse_with_trust()
    parse_args = tool.parse_args
    door = contextlib.ExitStack()

    def checked_parse_args() -> argparse.Namespace:
        args = parse_args()
        check_files(args)
        door.enter_context(trusted(getattr(args, 'trust', False)))
        return args

    tool.parse_args = checked_parse_args
    try:
        with door:
            yield
        if distributed.is_initialized():
            # No process leaves while another may still talk to it.
            distributed.barrier()
    finally:
        if distributed.is_initialized():
            # Models that still know the group must go before it: left to the
            # end of the interpreter, its threads now and then abort.
            gc.collect()
            distributed.destroy_process_group()


def settle_config(
    cfg: Config, name: str, launcher: str, load_from: str | None
) -> None:
    """Adapt a config that all arguments are merged into, and check it.

    Args:
        cfg: It is changed.
        name: 'train' or 'test'.
        launcher: The tool's argument.
        load_from: That of the config as it was read.

    Raises:
        FileNotFoundError: See :func:`check_pretrained`.
        ValueError: See :func:`start_gloo`.
        WorkFolderInUse: If another training writes into the work folder.
    """
    if name == 'train':
        prepare_work_folder(cfg, load_from)
        if not cfg.get('resume'):  # which brings all weights
            check_pretrained(cfg)
    adapt_dataloaders(cfg)
    if launcher != 'none' and get_device() == 'cpu':
        adapt_to_cpu(cfg)
        start_gloo(launcher, cfg)


def describe_results(told: dict[str, Any]) -> None:
    """Say how the predictions that ``test.py --out`` wrote came about.

    Args:
        told: ``args``, the arguments of the tool, and ``work_dir``.
    """
    args = told.get('args')
    written = getattr(args, 'out', None)
    if not written or args.out_item == 'metrics' or not is_main_process():
        return
    write_card(
        written,
        args.config,
        args.checkpoint,
        told['work_dir'],
        sys.argv,
    )


def load_upstream_tool(
    name: str,
    package: str = 'mmpretrain',
    parts: tuple[str, ...] = _SCRIPT_PARTS,
) -> ModuleType:
    """Import a command line tool of a package as a module of its own.

    Args:
        name: Its name, without ``.py``.
        package: 'mmpretrain' or 'mmdet'.
        parts: What is used of it.

    Raises:
        FileNotFoundError: If there is no such tool.
        AttributeError: If the script is not built as it was known to be.
    """
    file = find_upstream_tool(name, package)
    spec = importlib.util.spec_from_file_location(f'{package}_{name}', file)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    missing = [part for part in parts if not hasattr(tool, part)]
    if missing:
        raise AttributeError(
            f'{file} has no {", ".join(missing)}: this version of {package} '
            'is not supported'
        )
    return tool


def check_pretrained(cfg: Config) -> None:
    """Refuse to train a backbone whose pretrained weights do not exist.

    Args:
        cfg: As it is trained. Weights with a scheme (``https://``) are left
            to MMEngine.

    Raises:
        FileNotFoundError: Names the key, the file and the folder that it is
            looked for in; and the command that makes it, if it lies in the
            work folder of a config beside that of ``cfg``.
    """
    init_cfg = cfg.model.get('backbone', {}).get('init_cfg')
    if not isinstance(init_cfg, dict) or init_cfg.get('type') != 'Pretrained':
        return
    file = init_cfg['checkpoint']
    if '://' in file or Path(file).expanduser().is_file():
        return
    message = (
        f'model.backbone.init_cfg.checkpoint "{file}" does not exist '
        f'(in {os.getcwd()})'
    )
    config = Path(cfg.filename).parent / f'{Path(file).parent.name}.py'
    if config.is_file():
        message += f'. It is made by: python tools/train.py {config}'
    raise FileNotFoundError(message)


def check_tta(cfg: Config, args: argparse.Namespace) -> None:
    """Refuse ``--tta`` where mmpretrain would choose how to merge the views.

    Its choice averages scores and keeps everything else of the first view,
    which is the mirrored one: maps and boxes would silently be mirrored.

    Args:
        cfg: The config as it was read.
        args: Arguments of either tool.

    Raises:
        ValueError: If the config does not define both parts of its own.
    """
    missing = [n for n in ('tta_model', 'tta_pipeline') if n not in cfg]
    if getattr(args, 'tta', False) and missing:
        raise ValueError(
            f'--tta: {args.config} does not define {" and ".join(missing)}. '
            'Without them the maps and boxes of the mirrored view would be '
            'kept. See configs/_base_ for a definition that un-flips them.'
        )


def adapt_dataloaders(cfg: Config) -> None:
    """Switch off what the tools switch on for all loaders, where it is idle.

    ``persistent_workers`` is refused by PyTorch with ``num_workers=0``;
    ``pin_memory`` is warned of without an accelerator.
    """
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(name)
        if loader is not None and not loader.get('num_workers', 0):
            loader.persistent_workers = False
        if loader is not None and get_device() == 'cpu':
            loader.pin_memory = False


def adapt_to_cpu(cfg: Config) -> None:
    """Let MMEngine's Runner wrap the model without device numbers.

    By default it passes ``device_ids``, which PyTorch refuses for a model on
    the CPU. A ``model_wrapper_cfg`` of the config is kept.
    """
    cfg.setdefault(
        'model_wrapper_cfg',
        {
            'type': 'MMDistributedDataParallel',
            'device_ids': None,
            'broadcast_buffers': False,
            'find_unused_parameters': cfg.get('find_unused_parameters', False),
        },
    )


def start_gloo(launcher: str, cfg: Config) -> None:
    """Start the process group of a distributed run without an accelerator.

    MMEngine would select a CUDA device first; it leaves a process group that
    exists alone.

    Args:
        launcher: The tool's argument.
        cfg: Gives ``env_cfg.dist_cfg.timeout`` in seconds, if set.

    Raises:
        ValueError: If the launcher is not ``pytorch``, or if this process was
            not started by it.
    """
    if launcher != 'pytorch':
        raise ValueError(
            f'--launcher {launcher} needs an accelerator, and none was found. '
            'On CPUs use --launcher pytorch (tools/dist_train.sh).'
        )
    unset = [
        name
        for name in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')
        if name not in os.environ
    ]
    if unset:
        raise ValueError(
            f'--launcher pytorch: {", ".join(unset)} not set in the '
            'environment. Start the tool with tools/dist_train.sh or '
            'tools/dist_test.sh, or with torchrun.'
        )
    seconds = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
    timeout = None if seconds is None else datetime.timedelta(seconds=seconds)
    distributed.init_process_group('gloo', timeout=timeout)
