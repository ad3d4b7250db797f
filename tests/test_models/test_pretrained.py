# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
import torch
from mmpretrain.registry import MODELS
from test_apis.tiny_localizer import build_model


def save(folder, state: dict) -> str:
    file = folder / 'given.pth'
    torch.save(state, file)
    return str(file)


def initialized(file: str, prefix: str | None = None) -> torch.nn.Module:
    backbone = build_model(seed=1).backbone
    backbone.init_cfg = dict(type='Pretrained', checkpoint=file, prefix=prefix)
    backbone._is_init = False
    backbone.init_weights()
    return backbone


def backbone_state(prefix: str = '') -> dict:
    state = build_model().backbone.state_dict()
    return {prefix + name: value for name, value in state.items()}


def filled(backbone: torch.nn.Module) -> bool:
    state = backbone_state()
    return all(
        torch.equal(value, state[name])
        for name, value in backbone.state_dict().items()
    )


@pytest.mark.parametrize('before', ['', 'module.'])
def test_weights_that_fit(tmp_path, before) -> None:
    file = save(tmp_path, {'state_dict': backbone_state(before)})
    assert filled(initialized(file))


def test_prefix(tmp_path) -> None:
    file = save(tmp_path, {'state_dict': build_model().state_dict()})
    for prefix in ('backbone', 'backbone.'):
        assert filled(initialized(file, prefix))


def test_known_extras(tmp_path) -> None:
    extras = ('mask_token', 'pooler.dense.weight', 'head.weight', 'fc.bias')
    state = backbone_state() | {name: torch.ones(3) for name in extras}
    assert filled(initialized(save(tmp_path, state)))


@pytest.mark.parametrize(
    'prefix',
    [
        'backbone.',  # a checkpoint of this project, without prefix=...
        'module.encoder_q.',  # MoCo
        'teacher.backbone.',  # DINO
        'model.',  # Lightning
        'vit.encoder.',  # Hugging Face
        '_orig_mod.',  # torch.compile
    ],
)
def test_foreign_names(tmp_path, prefix) -> None:
    """MMEngine fills nothing, logs a warning, and trains on."""
    file = save(tmp_path, backbone_state(prefix))
    inner = prefix.removeprefix('module.')
    with pytest.raises(ValueError, match=r'given\.pth: weights do') as info:
        initialized(file)
    message = str(info.value)
    assert '0 of 30 fit' in message
    assert f'names are {inner}cls_token' in message
    assert f'without {inner!r} at their beginning 30 would fit' in message
    assert 'prefix=' in message
    assert filled(initialized(file, inner)), 'the cure does not help'


def test_wrong_prefix(tmp_path) -> None:
    file = save(tmp_path, backbone_state())
    with pytest.raises(
        ValueError, match=r"no weights below prefix='trunk\.'.* cls_token"
    ):
        initialized(file, 'trunk')


def test_other_width(tmp_path) -> None:
    state = backbone_state()
    state['ln1.weight'] = torch.ones(48)
    with pytest.raises(
        ValueError, match=r'ln1\.weight is \(48,\) instead of \(32,\)'
    ):
        initialized(save(tmp_path, state))


def test_whole_model_with_another_head(tmp_path) -> None:
    """As where a training begins from other classes."""
    state = dict(build_model().state_dict())
    state['head.semantic.weight'] = torch.ones(3, 32, 3, 3)
    del state['head.semantic.bias']
    model = build_model(seed=1)
    model.init_cfg = dict(type='Pretrained', checkpoint=save(tmp_path, state))
    model._is_init = False
    model.init_weights()
    assert filled(model.backbone)


def stock_model(head: dict, seed: int = 0, **init: str) -> torch.nn.Module:
    """A CNN of mmpretrain below a head; initialised, if told from what."""
    torch.manual_seed(seed)
    backbone = dict(
        type='mmpretrain.ResNet',
        depth=18,
        stem_channels=8,
        base_channels=8,
        init_cfg=dict(type='Pretrained', **init) if init else None,
    )
    model = MODELS.build(
        dict(type='mmpretrain.ImageClassifier', backbone=backbone, head=head)
    )
    model.init_weights()
    return model


CAM = dict(type='CAMHead', in_channels=64, num_classes=2)


def test_stock_backbone(tmp_path) -> None:
    """It is none of ours, and does not know the head that is."""
    state = stock_model(CAM).state_dict()
    backbone = {k: v for k, v in state.items() if k.startswith('backbone.')}
    file = save(tmp_path, backbone)
    model = stock_model(CAM, seed=1, checkpoint=file, prefix='backbone')
    for name, value in backbone.items():
        torch.testing.assert_close(model.state_dict()[name], value)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'conv1.weight': torch.ones(8, 3, 5, 5)}, r'conv1\.weight is \(8'),
        ({'layer2.0.conv1.weight': None}, r'1 missing: layer2\.0\.conv1\.w'),
        ({'layer5.0.weight': torch.ones(3)}, r'1 not expected: layer5\.0'),
        (None, r"0 of 120 fit.*without 'trunk\.' .* 120 would fit.*prefix="),
    ],
)
def test_stock_backbone_that_does_not_fit(tmp_path, change, words) -> None:
    state = dict(stock_model(CAM).backbone.state_dict())
    if change is None:
        state = {f'trunk.{name}': value for name, value in state.items()}
    state |= change or {}
    file = save(tmp_path, {k: v for k, v in state.items() if v is not None})
    with pytest.raises(ValueError, match=rf'given\.pth: .*{words}'):
        stock_model(CAM, checkpoint=file)
    # A model of others is initialised as MMEngine does.
    others = dict(type='LinearClsHead', in_channels=64, num_classes=2)
    stock_model(others, checkpoint=file)


def test_models_of_others_are_left_alone(tmp_path) -> None:
    file = save(tmp_path, {'other': torch.ones(3)})
    model = MODELS.build(
        dict(
            type='mmpretrain.LinearNeck',
            in_channels=2,
            out_channels=2,
            init_cfg=dict(type='Pretrained', checkpoint=file),
        )
    )
    model.init_weights()
