# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Reads PyTorch files and pickles without running code that they may hold.

A pickle names functions and calls them. Here it may name only what weights,
the state of a training and the results of a test run are made of; wherever
the real function does more than rebuilding data (``getattr`` hands out any
attribute of anything), a bounded one of the same name stands in.
"""

import argparse
import io
import os
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any, BinaryIO

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import _weights_only_unpickler

from .files import describe_beginning, other_kind

#: Largest tensor that may repeat few numbers of a file.
_MAX_STRETCHED = 1 << 20
#: Statistics that every HistoryBuffer has; it keeps them in its state.
_STATISTICS = ('current', 'max', 'mean', 'min')
_HISTORY = ('max_length', '_log_history', '_count_history')

#: Characters of an error of PyTorch's reader.
_LONGEST_ERROR = 500


class _ShortError(UnpicklingError):
    """PyTorch's error, which quotes the file, without what is too long.

    ``torch.load`` searches its text in a time that grows with the square of
    its length: a damaged name of some 100,000 characters stops it for minutes.
    """

    def __init__(self, text: object = '') -> None:
        super().__init__(str(text)[:_LONGEST_ERROR])


_weights_only_unpickler.UnpicklingError = _ShortError


_STAND_INS: dict[str, Any] = {}


def _stands_for(*names: str) -> Callable:
    """Note the full names under which a pickle asks for a function."""

    def note(function: Callable) -> Callable:
        _STAND_INS.update(dict.fromkeys(names, function))
        return function

    return note


@_stands_for('mmengine.logging.history_buffer.HistoryBuffer')
class _History(HistoryBuffer):
    """Becomes a HistoryBuffer of numbers alone.

    The state that a HistoryBuffer is saved with also replaces the statistics
    of all buffers of the process.
    """

    def __setstate__(self, state: dict) -> None:
        self.__class__ = HistoryBuffer
        self.__setstate__({name: state[name] for name in _HISTORY})


@_stands_for('builtins.getattr')
def _statistic(owner: Any, name: str) -> Callable:
    """One of the statistics that a HistoryBuffer is saved with."""
    if owner not in (_History, HistoryBuffer) or name not in _STATISTICS:
        raise UnpicklingError(
            f'GLOBAL builtins.getattr of {name!r}, which is no statistic of a '
            'HistoryBuffer'
        )
    return getattr(HistoryBuffer, name)


@_stands_for(
    'numpy.core.multiarray._reconstruct', 'numpy._core.multiarray._reconstruct'
)
def _empty_array(*_: Any) -> np.ndarray:
    """An array that its state will fill."""
    return np.ndarray.__new__(np.ndarray, (0,), 'b')


@_stands_for('numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar')
def _scalar(dtype: np.dtype, data: bytes) -> np.generic:
    """A number from its bytes."""
    return np.frombuffer(data, dtype, count=1)[0]


@_stands_for(
    'numpy.core.numeric._frombuffer', 'numpy._core.numeric._frombuffer'
)
def _array_of_bytes(
    data: bytes, dtype: np.dtype, shape: tuple, order: str
) -> np.ndarray:
    """An array as pickles of protocol 5 keep it."""
    return np.frombuffer(data, dtype).reshape(shape, order=order).copy()


# What holds data alone, and rebuilds without doing anything.
_PLAIN = {
    'argparse.Namespace': argparse.Namespace,
    'numpy.ndarray': np.ndarray,
    'numpy.dtype': np.dtype,
    **{
        f'numpy.dtypes.{type(np.dtype(code)).__name__}': type(np.dtype(code))
        for code in '?' + np.typecodes['AllInteger'] + np.typecodes['AllFloat']
    },
}


def read_torch_file(
    source: str | os.PathLike | BinaryIO,
    name: str | None = None,
    map_location: Any = 'cpu',
    trust: bool = False,
) -> Any:
    """Read what ``torch.save`` wrote, or a safetensors file.

    Args:
        source (str | PathLike | BinaryIO): A file, or its content.
        name (str, optional): What messages call it. Defaults to None: the
            path.
        map_location (Any): As of ``torch.load``. Defaults to ``'cpu'``.
        trust (bool): Read it even where it holds more than weights and
            plain data; this can run any code. Defaults to False.

    Returns:
        Any: Its content.

    Raises:
        ValueError: If it is no such file, is damaged, or must be trusted.
    """
    name = str(source) if name is None else name
    if hasattr(source, 'read'):
        return _read_stream(source, name, map_location, trust)
    with open(source, 'rb') as file:
        return _read_stream(file, name, map_location, trust)


def _read_stream(
    file: BinaryIO, name: str, map_location: Any, trust: bool
) -> Any:
    if _is_safetensors(file, name):
        return _read_safetensors(file, name)
    try:
        _check_members(file, name)
        if trust:
            return torch.load(
                file, map_location=map_location, weights_only=False
            )
        with torch.serialization.safe_globals(_as_torch_asks()):
            return torch.load(
                file, map_location=map_location, weights_only=True
            )
    except _DamagedError:
        raise
    except Exception as error:  # of a damaged file, anything
        unsafe = _unsafe_name(error)
        if unsafe is not None:
            raise ValueError(
                f'{name}: holds {unsafe}, beside weights; reading that can '
                'run code. If you trust where the file comes from, read it '
                'with --trust'
            ) from error
        file.seek(0)
        raise ValueError(
            f'{name}: no checkpoint ({_in_short(error)}); expected what '
            'torch.save or safetensors writes, found a file that begins with '
            f'{file.read(16)!r}'
        ) from error


class _DamagedError(ValueError):
    """A file differs from its checksums; the message names it."""


def _as_torch_asks() -> list:
    """The allow-list: PyTorch looks an object up by the name it bears."""
    stand_ins = [_named(thing, name) for name, thing in _STAND_INS.items()]
    return [*_PLAIN.values(), *stand_ins]


def _named(thing: Any, full_name: str) -> Any:
    """``thing`` under a full name; a function gets a shell for each."""
    module, _, name = full_name.rpartition('.')
    if not isinstance(thing, type):
        function = thing

        def thing(*args: Any) -> Any:
            return function(*args)

    thing.__module__, thing.__qualname__ = module, name
    return thing


def _unsafe_name(error: Exception) -> str | None:
    """What a file asked for that it must not have, from PyTorch's words."""
    if not isinstance(error, UnpicklingError):
        return None
    found = re.search(
        r'GLOBAL (\S+)|unrecognized function ([^\n]+)|but got ([^\n]+)',
        str(error),
    )
    if found is None:
        return None
    return f'{next(filter(None, found.groups())):.200}'


def _in_short(error: Exception) -> str:
    """One line of an error; PyTorch's has advice around the reason."""
    reason = str(error).rpartition('WeightsUnpickler error: ')[2].strip()
    kind = type(error).__name__
    start = '' if isinstance(error, UnpicklingError) else f'{kind}: '
    return f'{start}{reason.partition(chr(10))[0]:.200}'


def _is_safetensors(file: BinaryIO, name: str) -> bool:
    """Tell both kinds apart; name what is something else altogether."""
    start = file.read(512)
    file.seek(0)
    if not start:
        raise ValueError(f'{name}: no checkpoint (the file is empty)')
    kind = other_kind(start)
    if kind:
        raise ValueError(f'{name}: no checkpoint, but {kind}')
    return start[8:10] == b'{"'


def _check_members(file: BinaryIO, name: str) -> None:
    """Compare checksums, which PyTorch's own reader leaves unread."""
    if not zipfile.is_zipfile(file):
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if file.read(4) == b'PK\x03\x04':
            raise _DamagedError(
                f'{name}: damaged, its end is missing after {size} bytes; '
                'fetch or write the file again'
            )
        file.seek(0)
        return
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        for member in members:
            if not member.CRC:  # torch.serialization.set_crc32_options(False)
                continue
            try:
                with archive.open(member) as content:
                    while content.read(1 << 24):
                        pass
            except (zipfile.BadZipFile, EOFError, OSError) as error:
                raise _DamagedError(
                    f'{name}: damaged, {member.filename} differs from its '
                    f'checksum ({error}); fetch or write the file again'
                ) from error
    file.seek(0)


def _read_safetensors(file: BinaryIO, name: str) -> dict[str, Any]:
    try:
        from safetensors.torch import load
    except ModuleNotFoundError:
        raise ValueError(
            f'{name}: is a safetensors file; reading it needs `pip install '
            'safetensors`'
        ) from None
    try:
        return load(file.read())
    except Exception as error:  # of a damaged file, anything
        raise ValueError(
            f'{name}: no checkpoint ({_in_short(error)})'
        ) from error


class _ResultReader(pickle._Unpickler):
    """Unpickles containers, numbers, arrays and tensors.

    In Python: what a file tells to be remembered as number 4,000,000,000 is
    one entry of a dict here; the faster one reserves memory for all numbers
    up to it.

    What it hands out are types that cannot be changed, and methods of this
    reader, so that nothing a file sets on them outlives it.
    """

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle may name.

        Raises:
            UnpicklingError: For everything else.
        """
        full_name = f'{module}.{name}'
        if full_name in _RESULT_TYPES:
            return _RESULT_TYPES[full_name]
        if full_name in _STAND_INS and 'numpy' in module:
            return _Caller(_STAND_INS[full_name])
        if full_name in _RESULT_FUNCTIONS:
            return _Caller(_RESULT_FUNCTIONS[full_name])
        raise UnpicklingError(f'GLOBAL {full_name}')

    dispatch = dict(pickle._Unpickler.dispatch)

    def load_bytearray8(self) -> None:
        """Bytes that can be changed, as many as there are.

        Python's own makes as many as the file says there are.
        """
        length = int.from_bytes(self.read(8), 'little')
        self.append(bytearray(self.read(length)))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8

    def persistent_load(self, pid: Any) -> Any:
        """Nothing is kept outside of the file."""
        raise UnpicklingError('GLOBAL of a persistent id')


class _Caller:
    """Calls a function, and takes no attributes."""

    __slots__ = ('__call',)

    def __init__(self, function: Callable) -> None:
        object.__setattr__(self, '_Caller__call', function)

    def __call__(self, *args: Any) -> Any:
        return self.__call(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise UnpicklingError(f'GLOBAL of a changed function ({name})')


def _storage(content: bytes) -> Any:
    """A storage, which ``torch.save`` wrote within the pickle."""
    return torch.load(io.BytesIO(content), weights_only=True)


def _tensor(
    storage: Any, offset: int, size: tuple, stride: tuple, *_: Any
) -> torch.Tensor:
    """A tensor on its storage, without gradient and hooks."""
    if not isinstance(storage, torch.storage.TypedStorage):
        raise UnpicklingError(f'GLOBAL {type(storage)} as a storage')
    tensor = torch._utils._rebuild_tensor(storage, offset, size, stride)
    held = tensor.untyped_storage().nbytes() // tensor.element_size()
    if tensor.numel() > max(held, _MAX_STRETCHED):
        raise UnpicklingError(
            f'a tensor of shape {tuple(size)} on {held} numbers'
        )
    return tensor


def _encode(text: str, encoding: str) -> bytes:
    """Bytes as pickles of protocol 2 keep them."""
    if encoding != 'latin1':
        raise UnpicklingError(f'bytes encoded as {encoding!r}')
    return text.encode('latin1')


def _bytearray(*data: Any) -> bytearray:
    """Bytes that can be changed; of a number it would be that many."""
    if any(isinstance(item, int) for item in data):
        raise UnpicklingError(f'a bytearray of {data!r:.100}')
    return bytearray(*data)


def _array_type(*_: Any) -> None:
    """The type of arrays, to be named and not to be called.

    What it makes is of any size, whatever the size of the file.
    """
    raise UnpicklingError('GLOBAL numpy.ndarray, called')


_RESULT_TYPES = {
    **{
        name: kind
        for name, kind in _PLAIN.items()
        if name.startswith('numpy.') and kind is not np.ndarray
    },
    'builtins.complex': complex,
    'builtins.frozenset': frozenset,
    'builtins.set': set,
    '__builtin__.set': set,
    '__builtin__.frozenset': frozenset,
    'collections.OrderedDict': OrderedDict,
    'torch.Size': torch.Size,
}
_RESULT_FUNCTIONS = {
    'builtins.bytearray': _bytearray,
    'numpy.ndarray': _array_type,
    '_codecs.encode': _encode,
    'torch._utils._rebuild_tensor_v2': _tensor,
    'torch.storage._load_from_bytes': _storage,
}


def read_pickle(path: str | os.PathLike) -> Any:
    """Read a pickle of containers, numbers, arrays and tensors.

    Args:
        path (str | PathLike): A file, as ``tools/test.py --out`` writes.

    Returns:
        Any: Its content, tensors on the CPU.

    Raises:
        ValueError: If it is no pickle, or holds anything else.
    """
    with open(path, 'rb') as file:
        try:
            return _ResultReader(file).load()
        except Exception as error:  # of a damaged file, anything
            unsafe = _unsafe_name(error)
            if unsafe is not None:
                raise ValueError(
                    f'{path}: holds {unsafe}; expected results of a test run: '
                    'containers, numbers, arrays and tensors. Reading more '
                    'can run code, so it is not done'
                ) from error
            file.seek(0)
            raise ValueError(
                f'{path}: not a readable pickle ({_in_short(error)}); '
                f'{describe_beginning(file.read(512))}'
            ) from error
