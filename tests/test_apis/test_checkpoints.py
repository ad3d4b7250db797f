# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
import torch
from test_apis.tiny_localizer import build_model, write_checkpoint

from projects.scm.apis.checkpoints import load_weights
from projects.scm.apis.checkpoints import (
    write_checkpoint as write_atomically,
)


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
