# Copyright (c) SCM-WSOL contributors. All rights reserved.
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from test_apis.tiny_localizer import CONFIG, build_model, runner_config
from torch import nn

from projects.scm.engine.hooks import CheckpointFitHook, checkpoint_fit_hook


def loaded(
    weights: dict, resume: bool = False, model: nn.Module | None = None
) -> tuple[CheckpointFitHook, SimpleNamespace]:
    """The hook after a runner has read a file with these weights."""
    hook = CheckpointFitHook()
    runner = SimpleNamespace(
        model=model or build_model(seed=1),
        _load_from='given.pth',
        _resume=resume,
    )
    hook.after_load_checkpoint(runner, {'state_dict': weights})
    return hook, runner


def run(weights: dict, moment: str) -> None:
    hook, runner = loaded(weights)
    getattr(hook, moment)(runner)


def state(**head: object) -> dict:
    return dict(build_model(**head).state_dict())


def renamed(prefix: str) -> dict:
    return {prefix + name: value for name, value in state().items()}


def headless() -> dict:
    return {k: v for k, v in state().items() if k.startswith('backbone.')}


def timm_names() -> dict:
    """As DeiT's files: the backbone alone, without a prefix."""
    rules = (
        ('layers.', 'blocks.'),
        ('.ln', '.norm'),
        ('.ffn.layers.0.0.', '.mlp.fc1.'),
        ('.ffn.layers.1.', '.mlp.fc2.'),
    )
    found = {}
    for name, value in headless().items():
        name = name.removeprefix('backbone.')
        for old, new in rules:
            name = name.replace(old, new)
        found[name] = value
    return found | {'head.weight': torch.zeros(1000, 32)}


REFUSED = {
    'unrelated': ({'conv.weight': torch.ones(3)}, r'0 of \d+ fit'),
    'torch.compile': (
        renamed('_orig_mod.'),
        r"0 of \d+ fit.*without '_orig_mod\.' at their beginning \d\d would",
    ),
    'Lightning': (renamed('model.'), r"without 'model\.' at their beginning"),
    'DeiT': (timm_names(), r'missing: backbone\.cls_token'),
    'official': (
        {'head.weight': torch.ones(7, 32, 3, 3)},
        'official_to_mmpretrain',
    ),
    'depth': (
        {k: v for k, v in state().items() if 'backbone.layers.1.' not in k},
        r'12 missing: backbone\.layers\.1\.',
    ),
    'deeper': (
        state() | {'backbone.layers.2.ln1.weight': torch.ones(32)},
        r'1 not expected: backbone\.layers\.2\.ln1\.weight',
    ),
    'NaN': (
        state() | {'backbone.ln1.bias': torch.full((32,), torch.nan)},
        r'backbone\.ln1\.bias: 32 of 32 values are NaN',
    ),
    'integers': (
        state() | {'backbone.ln1.bias': torch.ones(32, dtype=torch.int64)},
        r'backbone\.ln1\.bias is of integers',
    ),
    'complex': (
        state() | {'backbone.ln1.bias': torch.ones(32, dtype=torch.cfloat)},
        r'backbone\.ln1\.bias is complex',
    ),
}
HEADS = {
    'no head': (headless(), r'2 missing: head\.semantic\.bias'),
    'classes': (
        state()
        | {
            'head.semantic.weight': torch.ones(3, 32, 3, 3),
            'head.semantic.bias': torch.ones(3),
        },
        r'2 of another shape or kind: head\.semantic\.bias is \(3,\) instead',
    ),
}


@pytest.mark.parametrize('name', [*REFUSED, *HEADS])
def test_tests_need_every_weight(name) -> None:
    weights, message = {**REFUSED, **HEADS}[name]
    with pytest.raises(ValueError, match=rf'^given\.pth: .*{message}'):
        run(weights, 'before_test')


@pytest.mark.parametrize('name', REFUSED)
def test_trainings_need_the_backbone(name) -> None:
    weights, message = REFUSED[name]
    with pytest.raises(ValueError, match=rf'^given\.pth: .*{message}'):
        run(weights, 'before_train')


@pytest.mark.parametrize('name', HEADS)
def test_trainings_may_begin_with_another_head(name) -> None:
    weights, _ = HEADS[name]
    hook, runner = loaded(weights)
    hook.before_train(runner)
    hook.before_val(runner)  # within training
    first = 'backbone.layers.0.ln1.weight'
    assert torch.equal(runner.model.state_dict()[first], weights[first])


def test_what_prediction_does_not_use() -> None:
    """The calibration, in the file or in the model; tokens of other tasks."""
    for head in ({}, {'calibration': False}):
        weights = state(**head) | {'backbone.mask_token': torch.ones(32)}
        weights = {f'module.{name}': value for name, value in weights.items()}
        for other in ({}, {'calibration': False}):
            model = nn.DataParallel(build_model(seed=1, **other))
            hook, runner = loaded(weights, model=model)
            hook.before_test(runner)
            hook, runner = loaded(weights, model=model)
            hook.before_val(runner)


@pytest.mark.parametrize('name', ['fits', *REFUSED])
def test_models_that_are_split_over_processes(monkeypatch, name) -> None:
    """Names and shapes tell; see also tests/test_models/test_distributed."""
    monkeypatch.setattr(checkpoint_fit_hook, 'unwrap', lambda _: None)
    weights, message = REFUSED.get(name, (state(), ''))
    hook = CheckpointFitHook()
    runner = SimpleNamespace(
        model=None,
        cfg=Config.fromstring(CONFIG, '.py'),
        _load_from='given.pth',
        _resume=False,
    )

    def start() -> None:
        hook.after_load_checkpoint(runner, {'state_dict': weights})
        hook.before_train(runner)

    if name == 'fits':
        start()
    else:
        with pytest.raises(ValueError, match=message):
            start()


def test_a_run_that_loads_nothing() -> None:
    CheckpointFitHook().before_train(SimpleNamespace(_resume=False))
    # Resumes are ResumeCheckHook's.
    hook, runner = loaded({'a': torch.ones(1)}, resume=True)
    hook.before_train(runner)


@pytest.mark.parametrize('method', ['test', 'train'])
def test_runner(tmp_path, method) -> None:
    """Not a table of figures from random weights, and no training."""
    file = tmp_path / 'given.pth'
    torch.save({'state_dict': renamed('model.')}, file)
    config = runner_config(tmp_path, load_from=str(file))
    runner = Runner.from_cfg(config)
    with pytest.raises(ValueError, match=r'given\.pth: weights do not fit'):
        getattr(runner, method)()
    assert not list(tmp_path.glob('work/*.pth'))
