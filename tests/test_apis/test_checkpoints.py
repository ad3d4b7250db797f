# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
import torch
from mmpretrain import get_model
from test_apis.tiny_localizer import (
    build_model,
    write_checkpoint,
    write_config,
)

from projects.scm.apis.checkpoints import load_weights
from projects.scm.apis.checkpoints import (
    write_checkpoint as write_atomically,
)
from projects.scm.utils.weights import load_fitting


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
    assert '1 missing: backbone.cls_token (1, 1, 32);' in message
    assert '1 not expected: backbone.extra (1,);' in message
    assert 'head.semantic.bias is (3,) instead of (7,)' in message
    assert message.endswith('. Take the config that the file was trained with')


def test_weights_of_other_kinds(tmp_path) -> None:
    model = build_model()
    file = tmp_path / 'wrong.pth'
    state = dict(model.state_dict())
    state['backbone.ln1.weight'] = state['backbone.ln1.weight'].long()
    torch.save({'state_dict': state, 'num_batches_tracked': 1}, file)
    with pytest.raises(ValueError, match=r'1 of 40 .*ln1\.weight is of'):
        load_weights(model, file)
    with pytest.raises(FileNotFoundError, match='is a folder, expected a f'):
        load_weights(model, tmp_path)


def test_what_fits_is_counted_beside_clashes(tmp_path) -> None:
    """PyTorch's own message about shapes leaves out what is missing."""
    model = build_model()
    state = dict(model.state_dict())
    del state['backbone.cls_token']
    state['backbone.pos_embed'] = torch.zeros(1, 65, 16)
    fit = load_fitting(model, state, 'a.pth')
    assert fit.missing == ['backbone.cls_token (1, 1, 32)']
    (odd,) = fit.odd
    assert odd.startswith('backbone.pos_embed is (1, 65, 16) instead of (1, ')
    assert fit.fitting == len(state) - 1  # of one more, two do not


@pytest.mark.parametrize('part', ['backbone.', 'head.semantic.'])
def test_get_model_of_mmpretrain_needs_every_weight(tmp_path, part) -> None:
    config = str(write_config(tmp_path))
    model = build_model()
    file = write_checkpoint(tmp_path, model)
    found = get_model(config, pretrained=str(file))
    for name, value in found.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    state = model.state_dict()
    rest = {k: v for k, v in state.items() if not k.startswith(part)}
    torch.save({'state_dict': rest}, file)
    count = len(state) - len(rest)
    with pytest.raises(ValueError, match=rf'{file}: .* {count} missing: '):
        get_model(config, pretrained=str(file))


def test_load_names_the_converter(tmp_path) -> None:
    file = tmp_path / 'official.pth'
    torch.save({'head.weight': torch.zeros(7, 32, 3, 3)}, file)
    with pytest.raises(ValueError, match=r'official_to_mmpretrain\.py'):
        load_weights(build_model(), file)


def test_nothing_is_left_of_a_failed_write(tmp_path) -> None:
    with pytest.raises(AttributeError, match='local object'):
        write_atomically(tmp_path / 'a.pth', {'f': lambda: 0})
    assert list(tmp_path.iterdir()) == []
