# Copyright (c) SCM-WSOL contributors. All rights reserved.
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.dataset import Compose
from mmpretrain.registry import MODELS, TRANSFORMS
from test_engine.tiny_training import tiny_config, train

from projects.scm.datasets import CUBLocalization
from projects.scm.datasets.inspection import (
    find_bad_boxes,
    find_missing_images,
)
from projects.scm.engine.hooks import DataCheckHook

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


@pytest.fixture
def cub(tiny_cub, tmp_path):
    return shutil.copytree(tiny_cub, tmp_path / 'cub')


def test_missing_image_is_found_before_training(cub, tmp_path):
    (cub / 'images/002.c/03.png').unlink()
    shutil.rmtree(cub / 'images/001.c')
    with pytest.raises(
        ValueError, match='7 of the 12 images of the training set do not exist'
    ) as caught:
        train(tiny_config(cub, tmp_path / 'work'))
    message = str(caught.value)
    assert str(cub / 'images/002.c/03.png') in message
    assert '2 of the 3 images of the validation set do not exist' in message
    assert not list((tmp_path / 'work').glob('*.pth'))


def test_boxes_of_other_kinds_are_found_before_training(cub, tmp_path):
    """``x0 y0 x1 y1`` where width and height belong; 24×28 pixels."""
    path = cub / 'bounding_boxes.txt'
    lines = path.read_text().splitlines()
    lines[-1] = '15 30.0 5.0 40.0 15.0'
    path.write_text('\n'.join(lines) + '\n')
    with pytest.raises(
        ValueError, match=r'bounding_boxes.txt, line 15: .*14.png: box \[30.0'
    ):
        train(tiny_config(cub, tmp_path / 'work'))


def test_all_problems_of_a_test_are_told_at_once(cub):
    """Before the first picture is tested; those of more than ten in a file."""
    path = cub / 'bounding_boxes.txt'
    path.write_text(
        ''.join(f'{i} 40.0 4.0 9.0 9.0\n' * 4 for i in range(1, 16))
    )
    dataset = CUBLocalization(str(cub), split='test')
    runner = SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=dataset), model=None
    )
    with pytest.raises(
        ValueError, match='12 boxes of 3 images of the test'
    ) as caught:
        DataCheckHook().before_test(runner)
    summary, *shown = str(caught.value).splitlines()
    assert len(shown) == 10
    assert 'lies outside its image of ' in shown[0]
    file = Path(re.search(r'all of them in (\S+),', summary).group(1))
    lines = file.read_text().splitlines()
    file.unlink()
    assert len(lines) == len(set(lines)) == 12


def test_many_boxes_that_are_cut_are_told(cub):
    """Corners for sides again, of boxes that begin within their images."""
    dataset = CUBLocalization(str(cub), split='test')
    said = []
    runner = SimpleNamespace(
        train_dataloader=SimpleNamespace(dataset=dataset),
        val_loop=None,
        logger=SimpleNamespace(info=said.append, warning=said.append),
    )
    DataCheckHook().before_train(runner)
    assert len(said) == 1
    path = cub / 'bounding_boxes.txt'
    path.write_text(
        ''.join(f'{i} 12.0 14.0 20.0 24.0\n' for i in range(1, 16))
    )
    dataset = CUBLocalization(str(cub), split='test')
    runner.train_dataloader.dataset = dataset
    DataCheckHook().before_train(runner)
    assert 'boxes of 3 of 3 images leave them and are cut' in said[-1]


def test_a_good_set_and_one_elsewhere(cub):
    dataset = CUBLocalization(str(cub), split='test')
    assert find_missing_images(dataset) == []
    assert find_bad_boxes(dataset) == ([], 3, 0)
    dataset.get_data_info = lambda index: {'img_path': 's3://a/b.png'}
    assert find_missing_images(dataset) == []


@pytest.mark.parametrize('stage', ['train', 'test'])
def test_what_moves_pixels_is_refused(stage):
    """A CNN does not tell its head that it was given padding."""
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            data_preprocessor=dict(pad_size_divisor=32),
            backbone=dict(type='ResNet', depth=18, base_channels=8),
            head=dict(type='CAMHead', in_channels=64, num_classes=2),
        )
    )
    loader = SimpleNamespace(dataset=None)
    runner = SimpleNamespace(
        model=model, val_loop=1, **dict.fromkeys(LOADERS, loader)
    )
    check = getattr(DataCheckHook(), f'before_{stage}')
    with pytest.raises(ValueError, match='pad_size_divisor=32 pads pictures'):
        check(runner)
    turn = TRANSFORMS.build(dict(type='mmpretrain.Rotate', angle=10.0))
    loader.dataset = SimpleNamespace(pipeline=Compose([turn]))
    with pytest.raises(ValueError, match='Rotate in the test pipeline'):
        check(runner)
