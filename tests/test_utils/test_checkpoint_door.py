# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Every way in, each with a file that would leave a mark."""

import pickle
from pathlib import Path

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader, Runner, load_checkpoint
from mmpretrain.apis import get_model
from PIL import Image
from test_apis.tiny_localizer import (
    build_model,
    run_tool,
    runner_config,
    write_config,
)
from test_utils.markers import Marker

from projects.scm.apis import WSOLInferencer
from projects.scm.evaluation.metrics import WSOLEvaluator
from projects.scm.utils import checkpoint_door
from projects.scm.utils.checkpoint_door import read_checkpoint
from projects.scm.utils.trust import trusted


@pytest.fixture
def marked(tmp_path, monkeypatch):
    """A checkpoint that fits the tiny localizer, and holds code."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'home'))
    file = tmp_path / 'marked.pth'
    content = {
        'meta': {'epoch': 1, 'iter': 1},
        'state_dict': build_model().state_dict(),
        'other': Marker(tmp_path / 'mark'),
    }
    torch.save(content, file)
    return file


def by_file(file: Path, monkeypatch) -> str:
    return str(file)


def by_home(file: Path, monkeypatch) -> str:
    monkeypatch.setenv('HOME', str(file.parent))
    return f'~/{file.name}'


def by_http(file: Path, monkeypatch) -> str:
    monkeypatch.setattr(checkpoint_door, 'download', lambda url: file)
    return f'https://example.org/{file.name}'


def by_name(scheme: str):
    def address(file: Path, monkeypatch) -> str:
        table = {'one': by_http(file, monkeypatch)}
        monkeypatch.setitem(checkpoint_door._TABLES, scheme, lambda: table)
        return f'{scheme}://one'

    address.__name__ = f'by_{scheme}'
    return address


def by_storage(file: Path, monkeypatch) -> str:
    return f'elsewhere://{file}'


PLACES = [
    by_file,
    by_home,
    by_http,
    by_storage,
    *map(by_name, checkpoint_door._TABLES),
]


@pytest.mark.parametrize('place', PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize('reader', ['ours', 'mmengine'])
def test_code_does_not_run(place, reader, marked, monkeypatch) -> None:
    address = place(marked, monkeypatch)
    read = (
        read_checkpoint
        if reader == 'ours'
        else CheckpointLoader.load_checkpoint
    )
    with pytest.raises(ValueError, match=r'holds \w+\.mkdir.*--trust'):
        read(address)
    assert not (marked.parent / 'mark').exists()
    with trusted():
        assert read(address)['state_dict']
    assert (marked.parent / 'mark').exists(), 'the marker marks nothing'


def run_model(marked: Path) -> None:
    load_checkpoint(torch.nn.Linear(1, 1), str(marked))


def run_get_model(marked: Path) -> None:
    get_model(str(write_config(marked.parent)), pretrained=str(marked))


def run_inferencer(marked: Path) -> None:
    WSOLInferencer(write_config(marked.parent), marked, device='cpu')


def run_init_cfg(marked: Path, prefix: str | None = 'backbone.') -> None:
    model = build_model()
    model.backbone.init_cfg = dict(
        type='Pretrained', checkpoint=str(marked), prefix=prefix
    )
    model.backbone._is_init = False
    model.backbone.init_weights()


def run_init_cfg_whole(marked: Path) -> None:
    run_init_cfg(marked, None)


def run_strip(marked: Path) -> None:
    run_tool(
        'model_converters/strip_calibration.py', marked, marked.parent / 'o'
    )


def run_convert(marked: Path) -> None:
    run_tool(
        'model_converters/official_to_mmpretrain.py',
        marked,
        marked.parent / 'o',
    )


def run_localize(marked: Path) -> None:
    Image.new('RGB', (64, 64)).save(marked.parent / 'a.png')
    run_tool(
        'localize.py', marked.parent, '--model', write_config(marked.parent),
        '--checkpoint', marked, '--out', marked.parent / 'out',
    )  # fmt: skip


def run_panels(marked: Path) -> None:
    run_tool(
        'visualization/panels.py', 'a.jpg', '--model',
        write_config(marked.parent), marked, '--out', marked.parent / 'o.png',
    )  # fmt: skip


def run_export(marked: Path) -> None:
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnxscript')
    run_tool(
        'export_onnx.py', write_config(marked.parent), marked,
        '--out', marked.parent / 'o.onnx',
    )  # fmt: skip


def run_test(marked: Path) -> None:
    config = runner_config(marked.parent, load_from=str(marked))
    Runner.from_cfg(config).test()


def run_load_from(marked: Path) -> None:
    config = runner_config(marked.parent, load_from=str(marked))
    Runner.from_cfg(config).train()


def run_resume(marked: Path) -> None:
    config = runner_config(marked.parent, load_from=str(marked), resume=True)
    Runner.from_cfg(config).train()


def run_resume_auto(marked: Path) -> None:
    config = runner_config(marked.parent, resume=True)
    work = Path(config.work_dir)
    work.mkdir()
    (work / 'last_checkpoint').write_text(str(marked))
    Runner.from_cfg(config).train()


def run_report(marked: Path) -> None:
    run_tool('analysis_tools/report.py', pickled(marked))


def run_eval(marked: Path) -> None:
    run_tool('analysis_tools/eval_wsol.py', pickled(marked))


def run_classifier_results(marked: Path) -> None:
    evaluator = WSOLEvaluator(classifier_results=str(pickled(marked)))
    assert evaluator.classified_images


def pickled(marked: Path) -> Path:
    file = marked.with_suffix('.pkl')
    file.write_bytes(pickle.dumps([Marker(marked.parent / 'mark')], 2))
    return file


WAYS = [
    run_test,
    run_load_from,
    run_resume,
    run_resume_auto,
    run_report,
    run_eval,
    run_classifier_results,
    run_model,
    run_get_model,
    run_inferencer,
    run_init_cfg,
    run_init_cfg_whole,
    run_strip,
    run_convert,
    run_localize,
    run_panels,
    run_export,
]


@pytest.mark.parametrize('way', WAYS, ids=lambda way: way.__name__[4:])
def test_ways_in(way, marked) -> None:
    with pytest.raises((ValueError, SystemExit), match=r'holds \w+\.mkdir'):
        way(marked)
    assert not (marked.parent / 'mark').exists()


@pytest.mark.parametrize(
    ('way', 'spoilt'),
    [
        (run_inferencer, 'NaN'),
        (run_localize, 'foreign'),
        (run_panels, 'foreign'),
        (run_export, 'foreign'),
    ],
    ids=lambda value: getattr(value, '__name__', value),
)
def test_weights_that_do_not_fit(way, spoilt, tmp_path) -> None:
    """Nothing is predicted with them: no picture, no model."""
    weights = dict(build_model().state_dict())
    if spoilt == 'foreign':
        weights = {f'model.{name}': value for name, value in weights.items()}
        message = r'without .model\.. at their beginning'
    else:
        weights['backbone.ln1.bias'] = torch.full((32,), torch.nan)
        message = r'backbone\.ln1\.bias: 32 of 32 values are NaN'
    file = tmp_path / 'given.pth'
    torch.save({'state_dict': weights}, file)
    with pytest.raises(
        (ValueError, SystemExit), match=rf'given\.pth: .*{message}'
    ):
        way(file)


def test_resume_of_our_own_needs_no_trust(tmp_path) -> None:
    """And the text of the config in it, which MMEngine runs, is not run."""
    quick = dict(model__head__type='TSCAMHead')
    Runner.from_cfg(runner_config(tmp_path, **quick)).train()
    file = tmp_path / 'work' / 'epoch_1.pth'
    content = read_checkpoint(file)
    hub = content['message_hub']
    assert 'CheckpointHook' in content['meta']['cfg']
    assert 'CheckpointHook' in hub['runtime_info']['cfg']
    assert type(hub['log_scalars']['train/loss']) is HistoryBuffer

    mark = tmp_path / 'mark'
    code = f'import os\nos.mkdir({str(mark)!r})'
    content['meta'].update(cfg=code, config=code)
    hub['runtime_info']['cfg'] = code
    torch.save(content, file)
    config = runner_config(
        tmp_path, resume=True, train_cfg__max_epochs=2, **quick
    )
    Runner.from_cfg(config).train()
    assert not mark.exists()
    again = read_checkpoint(tmp_path / 'work' / 'epoch_2.pth')
    assert again['meta']['epoch'] == 2
    assert 'CheckpointHook' in again['message_hub']['runtime_info']['cfg']
    # What is left out for MMEngine is there for readers that do not run it.
    assert read_checkpoint(file)['meta']['config'] == code


def test_files_without_config_stay(tmp_path) -> None:
    file = tmp_path / 'a.pth'
    for content in ({'meta': None}, {'message_hub': {}}, {'a': 1}, [1]):
        torch.save(content, file)
        assert CheckpointLoader.load_checkpoint(str(file)) == content


@pytest.mark.parametrize(
    ('address', 'error', 'message'),
    [
        ('none.pth', FileNotFoundError, 'checkpoint "none.pth" does not'),
        ('elsewhere://none', FileNotFoundError, 'elsewhere://none'),
        ('pavi://a', ValueError, 'expected a file, http://'),
        ('torchvision://none', ValueError, r'no such model; known are \d+'),
    ],
)
def test_no_such_checkpoint(address, error, message) -> None:
    with pytest.raises(error, match=message):
        read_checkpoint(address)
