# Copyright (c) SCM-WSOL contributors. All rights reserved.
import argparse
import collections
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.fileio import dump
from mmengine.logging import HistoryBuffer

from projects.scm.utils.safe_reading import read_pickle, read_torch_file

WEIGHTS = {'a.weight': torch.arange(3.0)}


class Marker:
    """Leaves a file behind when it is rebuilt: code of the file ran."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class Handle:
    """Asks for an attribute of a thing that a pickle may name."""

    def __init__(self, owner: object, name: str) -> None:
        self.owner, self.name = owner, name

    def __reduce__(self):
        return getattr, (self.owner, self.name)


def history(*values: float) -> HistoryBuffer:
    buffer = HistoryBuffer()
    for value in values:
        buffer.update(value)
    return buffer


def test_state_of_training(tmp_path) -> None:
    """What MMEngine and DeiT save beside the weights is plain data."""
    file = tmp_path / 'a.pth'
    torch.save(
        {
            'state_dict': WEIGHTS,
            'message_hub': {
                'loss': history(1.5, 2.5),
                'array': np.arange(6.0).reshape(2, 3),
                'lr': np.float64(0.25),
                'count': np.int32(7),
                'on': np.bool_(True),
            },
            'args': argparse.Namespace(lr=1e-3),
        },
        file,
    )
    content = read_torch_file(file)
    hub = content['message_hub']
    assert type(hub['loss']) is HistoryBuffer
    assert hub['loss'].statistics('mean', 2) == 2
    assert hub['loss'].statistics('current') == 2.5
    assert (hub['array'] == np.arange(6.0).reshape(2, 3)).all()
    assert hub['lr'] == 0.25
    assert type(hub['count']) is np.int32
    assert hub['on'] == np.True_
    assert content['args'].lr == 1e-3
    torch.save(content, file)  # and once more, as after a resume
    assert read_torch_file(file)['message_hub']['loss'].current() == 2.5


def test_statistics_of_others_stay(tmp_path) -> None:
    """A buffer's state also holds the statistics of all buffers."""
    buffer = history(1.0, 3.0)
    buffer.__dict__['statistics_methods'] = {'max': HistoryBuffer.min}
    before = dict(HistoryBuffer._statistics_methods)
    file = tmp_path / 'a.pth'
    state = dict(buffer.__dict__)
    buffer.__class__ = type(
        'HistoryBuffer',
        (HistoryBuffer,),
        {
            '__module__': HistoryBuffer.__module__,
            '__getstate__': lambda self: state,
        },
    )
    original = HistoryBuffer.__getstate__
    buffer.__class__ = HistoryBuffer
    HistoryBuffer.__getstate__ = lambda self: state
    try:
        torch.save({'loss': buffer}, file)
    finally:
        HistoryBuffer.__getstate__ = original
    assert read_torch_file(file)['loss'].statistics('max') == 3
    assert HistoryBuffer._statistics_methods == before


@pytest.mark.parametrize('zipped', [True, False])
def test_code_runs_only_if_trusted(tmp_path, zipped) -> None:
    file, mark = tmp_path / 'marked.pth', tmp_path / 'mark'
    content = {'state_dict': WEIGHTS, 'other': Marker(mark)}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        ValueError, match=r'marked\.pth: holds .*mkdir.*--trust'
    ):
        read_torch_file(file)
    assert not mark.exists()
    assert read_torch_file(file, trust=True)['state_dict']
    assert mark.exists()


@pytest.mark.parametrize(
    ('owner', 'name'),
    [
        (HistoryBuffer, '__init__'),
        (HistoryBuffer, 'register_statistics'),
        (np.ndarray, 'tofile'),
        (collections.OrderedDict, 'fromkeys'),
        (argparse.Namespace, '__init__'),
    ],
)
def test_attributes_are_not_handed_out(tmp_path, owner, name) -> None:
    """Of the allowed types, HistoryBuffer's statistics alone."""
    file = tmp_path / 'a.pth'
    torch.save({'other': Handle(owner, name)}, file)
    with pytest.raises(ValueError, match=r'a\.pth: holds builtins\.getattr'):
        read_torch_file(file)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'the file is empty'),
        (b'no checkpoint at all', 'no checkpoint'),
        (b'PK\3\4', 'damaged, its end is missing after 4 bytes'),
        (b'Not Found', "expected what torch.save .*with b'Not Found'"),
        (b'\x89PNG\r\n\x1a\n', 'no checkpoint'),
        (b'<!DOCTYPE html><html>', 'a web page'),
        (b'\n  <html lang="en">', 'a web page'),
        (
            b'version https://git-lfs.github.com/spec/v1\noid sha256:0\n',
            'a Git LFS pointer.*git lfs pull',
        ),
    ],
)
def test_other_files_are_named(tmp_path, content, message) -> None:
    file = tmp_path / 'other.pth'
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf'^\S+other\.pth: .*{message}'):
        read_torch_file(file)


def test_damaged_member(tmp_path) -> None:
    """PyTorch's own reader does not look at the checksums."""
    file = tmp_path / 'a.pth'
    torch.save({'w': torch.full((64,), 7.0)}, file)
    content = bytearray(file.read_bytes())
    place = content.find(np.float32(7).tobytes() * 60)
    content[place + 100] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.pth: damaged, a/data/0 '):
        read_torch_file(file)


def test_half_a_file(tmp_path) -> None:
    file = tmp_path / 'a.pth'
    torch.save({'w': torch.ones(1000)}, file)
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r'a\.pth: damaged, .* 2000 bytes'):
        read_torch_file(file)


def test_file_without_checksums(tmp_path) -> None:
    file = tmp_path / 'a.pth'
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(WEIGHTS, file)
    finally:
        torch.serialization.set_crc32_options(True)
    assert {m.CRC for m in zipfile.ZipFile(file).infolist()} == {0}
    assert torch.equal(read_torch_file(file)['a.weight'], WEIGHTS['a.weight'])


def test_safetensors(tmp_path) -> None:
    safetensors = pytest.importorskip('safetensors.torch')
    file = tmp_path / 'a.safetensors'
    safetensors.save_file(WEIGHTS, str(file))
    assert torch.equal(read_torch_file(file)['a.weight'], WEIGHTS['a.weight'])
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r'a\.safetensors: no checkpoint'):
        read_torch_file(file)


RESULT = {
    'img_path': 'a.jpg',
    'ori_shape': (3, 4),
    'pred_score': torch.tensor([0.25, 0.75]),
    'pred_label': torch.tensor([1]),
    'score_maps': torch.arange(12.0).reshape(2, 3, 2)[:, 1:],
    'half': torch.ones(2, dtype=torch.bfloat16),
    'empty': torch.zeros(0, 4),
    'array': np.arange(4, dtype=np.float32).reshape(2, 2),
    'number': np.int64(5),
    'text': np.array(['a', 'b']),
    'ordered': collections.OrderedDict(a=1),
    'set': {1, 2},
}


def same(a: object, b: object) -> bool:
    if isinstance(b, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


@pytest.mark.parametrize('protocol', [2, 4, 5])
def test_results_come_back(tmp_path, protocol) -> None:
    """Protocol 2 is what MMEngine's DumpResults writes."""
    file = tmp_path / 'a.pkl'
    if protocol == 2:
        dump([RESULT], str(file))
    else:
        file.write_bytes(pickle.dumps([RESULT], protocol))
    [found] = read_pickle(file)
    assert found.keys() == RESULT.keys()
    for name, value in RESULT.items():
        assert same(found[name], value), name


@pytest.mark.parametrize('protocol', [2, 4])
def test_results_with_code(tmp_path, protocol) -> None:
    file, mark = tmp_path / 'a.pkl', tmp_path / 'mark'
    file.write_bytes(pickle.dumps([RESULT, Marker(mark)], protocol))
    with pytest.raises(ValueError, match=r'a\.pkl: holds .*mkdir'):
        read_pickle(file)
    assert not mark.exists()
    pickle.loads(file.read_bytes())
    assert mark.exists(), 'the marker marks nothing'


def test_results_with_code_in_a_storage(tmp_path) -> None:
    """PyTorch keeps a file of its own for each tensor within a pickle."""
    mark = tmp_path / 'mark'
    inner = io.BytesIO()
    torch.save(Marker(mark), inner)

    class Storage:
        def __reduce__(self):
            return torch.storage._load_from_bytes, (inner.getvalue(),)

    file = tmp_path / 'a.pkl'
    file.write_bytes(pickle.dumps([Storage()], 2))
    with pytest.raises(ValueError, match=r'a\.pkl: holds'):
        read_pickle(file)
    assert not mark.exists()


def test_stretched_tensor(tmp_path) -> None:
    """A few bytes are not taken for gigabytes."""
    file = tmp_path / 'a.pkl'
    file.write_bytes(pickle.dumps([torch.zeros(1).expand(10)]))
    assert read_pickle(file)[0].tolist() == [0] * 10
    file.write_bytes(pickle.dumps([torch.zeros(1).expand(1 << 30)]))
    with pytest.raises(ValueError, match=r'1073741824.* on 1 numbers'):
        read_pickle(file)


def test_no_pickle(tmp_path) -> None:
    file = tmp_path / 'b.pkl'
    for content in (b'', b'no pickle', pickle.dumps([RESULT])[:-20]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r'b\.pkl: not a readable'):
            read_pickle(file)


@pytest.mark.parametrize('content', [b'no pickle' * 9, b'\x80\x04]\x94.'])
def test_other_files_are_told_in_one_line(tmp_path, content):
    path = tmp_path / 'a.pth'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.pth: no checkpoint') as info:
        read_torch_file(path)
    assert len(str(info.value).splitlines()) == 1
    assert 'torch.load' not in str(info.value)


def test_long_names_are_cut(tmp_path):
    """PyTorch would search them for a time that grows with their square."""
    path = tmp_path / 'a.pth'
    path.write_bytes(b'\x80\x02c' + b'x' * 9000 + b'\ny\n.')
    with pytest.raises(ValueError, match=r'a\.pth: holds x{200}, ') as info:
        read_torch_file(path)
    assert len(str(info.value.__cause__)) < 3000
