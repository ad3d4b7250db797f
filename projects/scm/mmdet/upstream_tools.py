# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Run the ``train.py`` and ``test.py`` that mmdet installs with itself.

Their flags are those of the mmdet that is installed. Around them is what
:mod:`projects.scm.apis.upstream_tools` puts around mmpretrain's: files must
exist, ``--cfg-options data_root=…`` moves the data of all dataloaders,
``--trust`` lets checkpoints run code, which nothing else does, and a work
folder that another training writes into is refused.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from mmengine.config import Config

from projects.scm.apis.upstream_tools import (
    guarded,
    load_upstream_tool,
    settle_config,
)
from projects.scm.utils.config_options import read_config

#: What is used of a script of mmdet.
_SCRIPT_PARTS = ('parse_args', 'main', 'Config', 'Runner', 'RUNNERS')


@contextmanager
def quiet_coco() -> Iterator[None]:
    """Leave out what pycocotools prints about every annotation file."""
    from pycocotools import coco

    coco.print = lambda *_: None
    try:
        yield
    finally:
        del coco.print


def run_mmdet_tool(name: str) -> None:
    """Run a tool of mmdet on the arguments of this process.

    Args:
        name: 'train' or 'test'.

    Raises:
        FileNotFoundError: If mmdet has no such tool.
        AttributeError: If the tool is not built as it was known to be.
        ValueError: If an option cannot apply, see :func:`read_config`.
    """
    tool = load_upstream_tool(name, 'mmdet', _SCRIPT_PARTS)
    told: dict[str, Any] = {}

    def read(file: str) -> Config:
        cfg = read_config(file, told['args'].cfg_options)
        told['load_from'] = cfg.get('load_from')
        return cfg

    def settled(build: Callable[[Config], Any]) -> Callable[[Config], Any]:
        def build_settled(cfg: Config) -> Any:
            settle_config(cfg, name, told['args'].launcher, told['load_from'])
            return build(cfg)

        return build_settled

    tool.Config = SimpleNamespace(fromfile=read)
    tool.Runner = SimpleNamespace(from_cfg=settled(tool.Runner.from_cfg))
    tool.RUNNERS = SimpleNamespace(build=settled(tool.RUNNERS.build))
    with guarded(tool), quiet_coco():
        parse_args = tool.parse_args
        tool.parse_args = lambda: told.setdefault('args', parse_args())
        tool.main()
