# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""mmpretrain's tools keep their flags; what is added to them works."""

import argparse
import datetime
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from projects.scm.apis import upstream_tools
from projects.scm.utils import upstream_scripts

TRAIN_FLAGS = {
    '--work-dir',
    '--resume',
    '--amp',
    '--no-validate',
    '--auto-scale-lr',
    '--no-pin-memory',
    '--no-persistent-workers',
    '--cfg-options',
    '--launcher',
    '--local-rank',
}
TEST_FLAGS = {
    '--work-dir',
    '--out',
    '--out-item',
    '--cfg-options',
    '--amp',
    '--show-dir',
    '--show',
    '--interval',
    '--wait-time',
    '--no-pin-memory',
    '--tta',
    '--launcher',
    '--local-rank',
}


def options_of(tool: str, call, monkeypatch) -> dict[str, tuple]:
    """What a tool's parser accepts: flag -> its settings."""
    found = {}

    def parse_args(self, *args, **kwargs):
        for action in self._actions:
            key = ' '.join(sorted(action.option_strings)) or action.dest
            found[key] = (
                action.default,
                action.nargs,
                action.const,
                action.choices,
                action.type,
            )
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, 'parse_args', parse_args)
        with pytest.raises(SystemExit):
            call()
    return found


@pytest.mark.parametrize(
    ('name', 'flags'), [('train', TRAIN_FLAGS), ('test', TEST_FLAGS)]
)
def test_options_are_those_of_mmpretrain(
    name, flags, repo, monkeypatch
) -> None:
    """Compared with the script that the installed mmpretrain brings."""
    package = Path(importlib.util.find_spec('mmpretrain').origin).parent
    script = package / '.mim' / 'tools' / f'{name}.py'
    spec = importlib.util.spec_from_file_location('theirs', script)
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    monkeypatch.syspath_prepend(repo / 'tools')
    spec = importlib.util.spec_from_file_location(
        'ours', repo / 'tools' / f'{name}.py'
    )
    ours = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(ours)

    expected = options_of(name, theirs.main, monkeypatch)
    found = options_of(name, ours.main, monkeypatch)
    assert found.pop('--trust')[2] is True
    assert found == expected
    assert flags <= {f for key in expected for f in key.split()}


def test_tool_of_a_source_checkout(tmp_path, monkeypatch) -> None:
    """Without ``.mim``, the folder beside the package is looked into."""
    package = tmp_path / 'mmpretrain'
    package.mkdir()
    init = package / '__init__.py'
    init.touch()
    spec = importlib.util.spec_from_file_location('mmpretrain', init)
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: spec)
    with pytest.raises(FileNotFoundError, match=r'without its tool train\.py'):
        upstream_scripts.find_upstream_tool('train')
    tool = tmp_path / 'tools' / 'train.py'
    tool.parent.mkdir()
    tool.write_text('def main(): ...\ndef parse_args(): ...\n')
    assert upstream_scripts.find_upstream_tool('train') == tool
    with pytest.raises(AttributeError, match='has no merge_args'):
        upstream_tools.load_upstream_tool('train')


def test_missing_files_are_named(tmp_path) -> None:
    config = tmp_path / 'c.py'
    check = upstream_scripts.check_files
    args = argparse.Namespace(config=str(config), resume=None)
    with pytest.raises(FileNotFoundError, match=r'config ".*c\.py"'):
        check(args)
    config.touch()
    check(args)
    check(argparse.Namespace(config=str(config), resume='auto'))
    check(argparse.Namespace(config=str(config), checkpoint='https://a/b.pth'))
    for name in ('resume', 'checkpoint'):
        with pytest.raises(FileNotFoundError, match=f'{name} "no.pth"'):
            check(argparse.Namespace(config=str(config), **{name: 'no.pth'}))


def test_missing_pretrained_weights_are_named(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'small.py').touch()
    (tmp_path / 'first.py').touch()
    check = upstream_tools.check_pretrained

    def config(file: str, kind: str = 'Pretrained') -> Config:
        init_cfg = {'type': kind, 'checkpoint': file}
        model = {'backbone': {'init_cfg': init_cfg}}
        return Config({'model': model}, filename='small.py')

    for name in ('first', 'second'):
        with pytest.raises(FileNotFoundError) as error:
            check(config(f'work_dirs/{name}/epoch_3.pth'))
        message = str(error.value)
        assert f'checkpoint "work_dirs/{name}/epoch_3.pth"' in message
        # a command is named only if there is such a config
        assert message.endswith('tools/train.py first.py') == (name == 'first')
    weights = tmp_path / 'work_dirs' / 'first' / 'epoch_3.pth'
    weights.parent.mkdir(parents=True)
    weights.touch()
    check(config('work_dirs/first/epoch_3.pth'))
    check(config('https://a/b.pth'))
    check(config('no.pth', 'TruncNormal'))
    check(Config({'model': {'type': 'AnyModel'}}))


@pytest.mark.parametrize('name', ['train', 'test'])
def test_only_training_needs_pretrained_weights(
    name, tmp_path, monkeypatch
) -> None:
    config = tmp_path / 'c.py'
    config.write_text(
        "model = dict(backbone=dict(init_cfg=dict(type='Pretrained', "
        "checkpoint='no.pth')))\n"
        f'work_dir = {str(tmp_path)!r}\n'
    )
    args = argparse.Namespace(config=str(config), launcher='none')
    merged = []

    def main() -> None:
        cfg = Config.fromfile(config)
        merged.append(tool.merge_args(cfg, tool.parse_args()))

    tool = SimpleNamespace(
        main=main,
        parse_args=lambda: args,
        merge_args=lambda cfg, args: cfg,
    )
    monkeypatch.setattr(upstream_tools, 'load_upstream_tool', lambda _: tool)
    if name == 'test':
        upstream_tools.run_upstream_tool(name)
        assert len(merged) == 1
        return
    with pytest.raises(FileNotFoundError, match=r'"no\.pth"'):
        upstream_tools.run_upstream_tool(name)


def test_tta_needs_its_own_model_and_pipeline() -> None:
    check = upstream_tools.check_tta
    asked = argparse.Namespace(config='c.py', tta=True)
    both = Config({'tta_model': {}, 'tta_pipeline': []})
    check(both, asked)
    check(Config(), argparse.Namespace(config='c.py', tta=False))
    check(Config(), argparse.Namespace(config='c.py'))
    with pytest.raises(ValueError, match='tta_model and tta_pipeline'):
        check(Config(), asked)
    with pytest.raises(ValueError, match='not define tta_pipeline'):
        check(Config({'tta_model': {}}), asked)


def test_persistent_workers_only_with_workers() -> None:
    cfg = Config(
        {
            'train_dataloader': {'num_workers': 2, 'persistent_workers': True},
            'val_dataloader': {'num_workers': 0, 'persistent_workers': True},
            'test_dataloader': None,
        }
    )
    upstream_tools.adapt_dataloaders(cfg)
    assert cfg.train_dataloader.persistent_workers is True
    assert cfg.val_dataloader.persistent_workers is False
    assert cfg.test_dataloader is None
    # nobody pins memory for a device that is not there
    assert cfg.train_dataloader.get('pin_memory') is (
        False if upstream_tools.get_device() == 'cpu' else None
    )


def test_model_wrapper_without_device_ids() -> None:
    cfg = Config({'find_unused_parameters': True})
    upstream_tools.adapt_to_cpu(cfg)
    assert cfg.model_wrapper_cfg.device_ids is None
    assert cfg.model_wrapper_cfg.find_unused_parameters is True
    own = Config({'model_wrapper_cfg': {'type': 'Mine'}})
    upstream_tools.adapt_to_cpu(own)
    assert own.model_wrapper_cfg == {'type': 'Mine'}


def test_gloo_start(monkeypatch) -> None:
    """Refusals name the cure; the timeout of the config is used."""
    for name in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.delenv(name, raising=False)
    cfg = Config({'env_cfg': {'dist_cfg': {'backend': 'nccl', 'timeout': 60}}})
    with pytest.raises(ValueError, match='slurm needs an accelerator'):
        upstream_tools.start_gloo('slurm', cfg)
    with pytest.raises(ValueError, match=r'RANK, WORLD_SIZE.*dist_train\.sh'):
        upstream_tools.start_gloo('pytorch', cfg)

    for name in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, '0')
    calls = []
    monkeypatch.setattr(
        upstream_tools.distributed,
        'init_process_group',
        lambda *args, **kwargs: calls.append((args, kwargs)),
    )
    upstream_tools.start_gloo('pytorch', cfg)
    upstream_tools.start_gloo('pytorch', Config())
    minute = datetime.timedelta(seconds=60)
    assert calls == [
        (('gloo',), {'timeout': minute}),
        (('gloo',), {'timeout': None}),
    ]


def test_foreign_arguments_reach_mmpretrain(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, 'argv', ['train.py', 'c.py', '--no-such-flag'])
    with pytest.raises(SystemExit):
        upstream_tools.run_upstream_tool('train')
    assert '--no-such-flag' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('tool', 'words', 'said'),
    [
        ('train.py', ['--help'], '--auto-scale-lr'),
        ('test.py', ['--help'], '--trust'),
        ('test.py', ['no.py'], 'required: checkpoint'),
        ('train.py', ['no.py', '--no-such-flag'], '--no-such-flag'),
        ('train.py', ['no.py'], 'config "no.py" does not exist'),
        ('test.py', [__file__, 'no.pth'], 'checkpoint "no.pth" does not'),
        ('test_detector.py', [__file__, 'no.pth'], '"no.pth" does not'),
        ('train_detector.py', ['--help'], '--auto-scale-lr'),
        ('analysis_tools/analyze_logs.py', ['plot_curve'], 'json_logs'),
    ],
)
def test_arguments_are_read_before_the_framework(
    tool, words, said, repo
) -> None:
    """Nothing that takes seconds to import has been imported by then."""
    if 'detector' in tool:
        pytest.importorskip('mmdet')
    done = subprocess.run(
        [
            *(sys.executable, '-c'),
            'import atexit, runpy, sys\n'
            f'tool = {str(repo / "tools" / tool)!r}\n'
            f'sys.argv = [tool, *{words!r}]\n'
            f'sys.path[0] = {str(repo / "tools")!r}\n'
            'slow = {"torch", "mmengine", "cv2", "numpy"}\n'
            'atexit.register(\n'
            '    lambda: print("imported", slow & set(sys.modules)))\n'
            'runpy.run_path(tool, run_name="__main__")\n',
        ],
        capture_output=True,
        text=True,
    )
    assert said in done.stdout + done.stderr
    assert 'Traceback' not in done.stderr
    assert done.stdout.endswith('imported set()\n'), done.stderr
