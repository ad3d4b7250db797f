# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""mmdet's tools: one option for the data, one door for all checkpoints."""

import json
import shutil
from pathlib import Path

import pytest
import torch

pytest.importorskip(
    'mmcv._ext', reason='mmcv has no compiled operators', exc_type=ImportError
)
pytest.importorskip('mmdet', reason='mmdet is not installed')

from mmengine.config import Config
from PIL import Image
from test_apis.tiny_localizer import run_tool
from test_engine.tiny_training import assert_same, quick, read_state
from test_psol.conftest import Chain
from test_utils.markers import Marker  # and its storage, elsewhere://

from projects.scm.engine.work_folder import WorkFolderLock


@pytest.fixture(scope='module')
def chain(tmp_path_factory) -> Chain:
    """A drawn set alone, with labels for a detector; nothing has been run."""
    chain = Chain(tmp_path_factory.mktemp('tools'))
    images = sorted((chain.data / 'images').rglob('*.png'))
    labels = dict(
        images=[
            dict(
                id=number,
                file_name=str(file.relative_to(chain.data / 'images')),
                width=100,
                height=80,
            )
            for number, file in enumerate(images)
        ],
        annotations=[
            dict(
                id=number,
                image_id=number,
                category_id=1,
                bbox=[10, 20, 50, 40],
                area=2000,
                iscrowd=0,
            )
            for number in range(len(images))
        ],
        categories=[dict(id=1, name='object')],
    )
    file = chain.folder / 'labels.json'
    file.write_text(json.dumps(labels))
    chain.files = {'train': str(file), 'test': str(file)}
    return chain


@pytest.fixture(scope='module')
def detector(chain) -> Path:
    """Config of a small detector, whose data lie elsewhere than it says."""
    labels = {name: chain.files[name] for name in ('train', 'test')}
    cfg = chain.config(
        'retinanet_r18_cub',
        model__backbone__init_cfg=None,
        model__neck__out_channels=8,
        model__bbox_head__in_channels=8,
        model__bbox_head__feat_channels=8,
        model__bbox_head__stacked_convs=1,
        train_dataloader__dataset__ann_file=labels['train'],
        train_dataloader__dataset__pipeline__2__scale=(32, 32),
        val_dataloader=None,
        val_evaluator=None,
        val_cfg=None,
        test_dataloader__dataset__ann_file=labels['test'],
        test_dataloader__dataset__pipeline__1__scale=(32, 32),
        test_evaluator=[],
        train_cfg__max_epochs=2,
        log_level='ERROR',
    )
    for step in ('train', 'test'):
        prefix = cfg[f'{step}_dataloader'].dataset.data_prefix
        prefix.img = f'{cfg.data_root}images'
    file = chain.folder / 'small_detector.py'
    cfg.dump(file)
    return file


def train(config: Path, work: Path, *options: object) -> None:
    with quick():
        run_tool(
            'train_detector.py', config, '--work-dir', work, *options
        )  # fmt: skip


def moved(chain, *options: str) -> list[str]:
    return ['--cfg-options', f'data_root={chain.data}', *options]


@pytest.mark.long
def test_training_goes_on_as_if_nothing_had_happened(
    chain, detector, tmp_path
) -> None:
    """With one option for the data; and a folder in use is refused."""
    whole, ended = tmp_path / 'whole', tmp_path / 'ended'
    train(detector, whole, *moved(chain))
    shutil.copytree(whole, ended)
    (ended / 'epoch_2.pth').unlink()
    (ended / 'last_checkpoint').write_text(str(ended / 'epoch_1.pth'))
    with WorkFolderLock(ended), pytest.raises(RuntimeError, match='in use'):
        train(detector, ended, '--resume', *moved(chain))
    train(detector, ended, '--resume', *moved(chain))
    assert_same(
        read_state(ended / 'epoch_2.pth'), read_state(whole / 'epoch_2.pth')
    )
    weights = torch.load(whole / 'epoch_2.pth', weights_only=False)
    weights['state_dict'] = {
        f'model.{k}': v for k, v in weights['state_dict'].items()
    }
    foreign = tmp_path / 'foreign.pth'
    torch.save(weights, foreign)
    for tool in ('test', 'localize'):
        with pytest.raises((SystemExit, ValueError), match=r'0 of .* fit'):
            WAYS[tool](chain, detector, tmp_path, foreign)
    with pytest.raises(ValueError, match='cannot be resumed by this config'):
        train(detector, tmp_path / 'b', '--resume', foreign, *moved(chain))


def test_options_that_cannot_apply(chain, detector, tmp_path) -> None:
    work = tmp_path / 'work'
    with pytest.raises(ValueError, match='pixel_cache: no dataset of this'):
        train(detector, work, '--cfg-options', 'pixel_cache=a')
    cfg = Config.fromfile(detector)
    cfg.data_root = None
    cfg.dump(tmp_path / 'rootless.py')
    with pytest.raises(ValueError, match='data_root: no dataset of this'):
        train(tmp_path / 'rootless.py', work, '--cfg-options', 'data_root=a')
    assert not work.exists()


def run_test(chain, config, folder, file) -> None:
    run_tool(
        *('test_detector.py', config, file, '--work-dir', folder / 'work'),
        *moved(chain),
    )


def run_load_from(chain, config, folder, file) -> None:
    train(config, folder / 'work', *moved(chain, f'load_from={file}'))


def run_init_cfg(chain, config, folder, file) -> None:
    cfg = Config.fromfile(config)
    cfg.model.backbone.init_cfg = dict(
        type='Pretrained', checkpoint=str(file), prefix='backbone.'
    )
    cfg.dump(folder / 'initialized.py')
    train(folder / 'initialized.py', folder / 'work', *moved(chain))


def run_resume(chain, config, folder, file) -> None:
    train(config, folder / 'work', '--resume', file, *moved(chain))


def run_auto(chain, config, folder, file) -> None:
    work = folder / 'work'
    work.mkdir()
    shutil.copy(file, work / 'epoch_1.pth')
    (work / 'last_checkpoint').write_text(str(work / 'epoch_1.pth'))
    train(config, work, '--resume', *moved(chain))


def run_scheme(chain, config, folder, file) -> None:
    run_test(chain, config, folder, f'elsewhere://{file}')


def run_localize(chain, config, folder, file) -> None:
    Image.new('RGB', (64, 64)).save(folder / 'a.png')
    run_tool(
        *('localize.py', folder / 'a.png', '--model', config),
        *('--checkpoint', file, '--out', folder / 'out'),
    )


WAYS = {
    'test': run_test,
    'scheme': run_scheme,
    'load_from': run_load_from,
    'init_cfg': run_init_cfg,
    'resume': run_resume,
    'auto': run_auto,
    'localize': run_localize,
}


@pytest.mark.parametrize('way', WAYS)
def test_code_does_not_run(way, chain, detector, tmp_path) -> None:
    file, mark = tmp_path / 'marked.pth', tmp_path / 'mark'
    torch.save(
        {
            'meta': {'epoch': 1, 'iter': 3},
            'state_dict': {'backbone.conv1.weight': torch.zeros(1)},
            'other': Marker(mark),
        },
        file,
    )
    run = WAYS[way]
    with pytest.raises((ValueError, SystemExit), match=r'holds \w+\.mkdir'):
        run(chain, detector, tmp_path, file)
    assert not mark.exists()


def test_trust(chain, detector, tmp_path) -> None:
    """It is an option, and it does what it says."""
    file, mark = tmp_path / 'marked.pth', tmp_path / 'mark'
    torch.save({'state_dict': {}, 'other': Marker(mark)}, file)
    with pytest.raises(ValueError, match='weights'):
        run_tool(
            *('test_detector.py', detector, file, '--trust'),
            *('--work-dir', tmp_path / 'work', *moved(chain)),
        )
    assert mark.exists()
