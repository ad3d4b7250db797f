# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Imports that take longer than the model: what inference does without."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

#: What MMEngine imports for sharded training. Half of what is imported beside
#: torch itself comes with it: DTensor, symbolic shapes, sympy.
_SHARDING = (
    'torch.distributed.optim',
    'torch.distributed.fsdp',
    'torch.distributed.fsdp.api',
    'torch.distributed.fsdp.fully_sharded_data_parallel',
)


class _LeftOut:
    """Stands in for a class that MMEngine derives its own from."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise RuntimeError(
            f'{type(self).__name__}: this process was started for inference, '
            'and MMEngine was imported without the parts of PyTorch that '
            'sharded training needs; import mmengine before '
            'projects.scm.cli.localize runs'
        )


@contextmanager
def without_sharding() -> Iterator[None]:
    """Import MMEngine for a process that trains nothing.

    Its wrappers for FSDP and ZeRO are registered then, but cannot be built.
    PyTorch's own modules are whole afterwards. Where MMEngine or one of them
    is loaded already, nothing changes.
    """
    if 'mmengine' in sys.modules or any(n in sys.modules for n in _SHARDING):
        yield
        return
    modules = {name: _stand_in(name) for name in _SHARDING}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in modules.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _stand_in(name: str) -> ModuleType:
    def look_up(key: str) -> type:
        if key.startswith('__'):
            raise AttributeError(key)
        return type(key, (_LeftOut,), {})

    module = ModuleType(name)
    module.__path__ = []
    module.__getattr__ = look_up
    return module


@contextmanager
def without_collecting() -> Iterator[None]:
    """Import PyTorch and all upon it without looking for garbage.

    What is imported stays, 350,000 objects: looking through them while they
    come in, while a model is built and when the process ends is a quarter of
    the time of a first picture (docs/performance.md, Start-up). Afterwards
    the collector works as before, on what is new. Where PyTorch is loaded
    already, nothing changes.
    """
    if 'torch' in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
