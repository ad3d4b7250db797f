# Copyright (c) SCM-WSOL contributors. All rights reserved.
import argparse
from collections import OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from test_apis.tiny_localizer import build_model, write_checkpoint

from projects.scm.apis.checkpoints import (
    find_weights,
    load_weights,
    read_checkpoint,
)
from projects.scm.apis.checkpoints import (
    write_checkpoint as write_atomically,
)

WEIGHTS = {'a.weight': torch.arange(3.0)}


class Evil:
    """Runs something when it is unpickled."""

    def __reduce__(self):
        return (print, ('code of the file ran',))


def test_state_of_training_is_read_without_trust(tmp_path) -> None:
    """What MMEngine and DeiT save beside the weights is harmless."""
    buffer = HistoryBuffer()
    buffer.update(1.5, 2)
    file = tmp_path / 'a.pth'
    torch.save(
        {
            'state_dict': WEIGHTS,
            'message_hub': {
                'loss': buffer,
                'array': np.ones(2),
                'lr': np.float64(1),
            },
            'args': argparse.Namespace(lr=1e-3),
        },
        file,
    )
    content = read_checkpoint(file)
    assert content['message_hub']['loss'].current() == 1.5
    assert content['args'].lr == 1e-3


def test_code_in_a_file_runs_only_if_trusted(tmp_path, capsys) -> None:
    file = tmp_path / 'evil.pth'
    torch.save({'state_dict': WEIGHTS, 'other': Evil()}, file)
    with pytest.raises(ValueError, match=r'evil\.pth: holds .*print.*trust'):
        read_checkpoint(file)
    assert 'ran' not in capsys.readouterr().out
    assert find_weights(read_checkpoint(file, trust=True), file)
    assert 'ran' in capsys.readouterr().out


@pytest.mark.parametrize('content', [b'', b'no checkpoint at all', b'PK\3\4'])
def test_other_files_are_named(tmp_path, content) -> None:
    file = tmp_path / 'other.pth'
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r'other\.pth: no checkpoint'):
        read_checkpoint(file)
    with pytest.raises(FileNotFoundError, match=r'"nowhere\.pth" does not'):
        read_checkpoint('nowhere.pth')


@pytest.mark.parametrize(
    'content',
    [
        {'state_dict': WEIGHTS, 'epoch': 3},
        {'model': WEIGHTS, 'optimizer': {}},
        WEIGHTS,
        OrderedDict({'module.a.weight': WEIGHTS['a.weight']}),
    ],
)
def test_weights_are_found(content) -> None:
    found = find_weights(content, 'f.pth')
    assert list(found) == ['a.weight']
    assert found['a.weight'] is WEIGHTS['a.weight']


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([1], "'state_dict' or 'model', but got list"),
        ({}, 'but got a dict with'),
        ({'epoch': 3}, "only tensors among the weights, but 'epoch' is int"),
    ],
)
def test_no_weights(content, message) -> None:
    with pytest.raises(ValueError, match=rf'^f\.pth: .*{message}'):
        find_weights(content, 'f.pth')


def test_load_needs_everything_but_the_calibration(tmp_path) -> None:
    model = build_model()
    file = write_checkpoint(tmp_path, model)
    for head in ({}, {'calibration': False}):
        other = build_model(seed=1, **head)
        meta = load_weights(other, file)
        assert meta['epoch'] == 1
        for name, value in other.state_dict().items():
            assert torch.equal(value, model.state_dict()[name]), name

    state = dict(model.state_dict())
    del state['backbone.cls_token']
    state['backbone.extra'] = torch.zeros(1)
    state['head.semantic.bias'] = torch.zeros(3)
    file = tmp_path / 'wrong.pth'
    torch.save({'state_dict': state}, file)
    with pytest.raises(ValueError, match=r'wrong\.pth: weights do') as info:
        load_weights(model, file)
    message = str(info.value)
    assert '1 missing: backbone.cls_token' in message
    assert '1 not expected: backbone.extra' in message
    assert 'head.semantic.bias is (3,) instead of (7,)' in message


def test_load_names_the_converter(tmp_path) -> None:
    file = tmp_path / 'official.pth'
    torch.save({'head.weight': torch.zeros(7, 32, 3, 3)}, file)
    with pytest.raises(ValueError, match=r'official_to_mmpretrain\.py'):
        load_weights(build_model(), file)


def test_nothing_is_left_of_a_failed_write(tmp_path) -> None:
    with pytest.raises(AttributeError, match='local object'):
        write_atomically(tmp_path / 'a.pth', {'f': lambda: 0})
    assert list(tmp_path.iterdir()) == []
