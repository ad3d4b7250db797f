# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A few steps of the stock configs on photographs of CUB and ImageNet.

From real weights of DeiT-Ti, through the tools as a user calls them: train,
test, report, localize. The data cannot be redistributed: run them with
``SCM_TEST_DATA=FOLDER bash tools/run_tests.sh -m optional``.
"""

import base64
import json

import numpy as np
import pytest
import torch
from PIL import Image
from test_integration.conftest import Workshop

pytestmark = [pytest.mark.optional, pytest.mark.timeout(1500)]
# Photographs of each set that are used, spread over its classes.
TRAINED, TESTED = 8, 6
# Classes, photographs to train and to test.
SETS = {'cub50': (50, 1500, 1389), 'imagewoof': (10, 2000, 500)}


@pytest.fixture(scope='module')
def weights(external_data, tmp_path_factory):
    """DeiT-Ti's file as its authors' has it."""
    source = external_data / 'weights' / 'deit_tiny_patch16_224_ln_rounded.npz'
    if not source.is_file():
        pytest.skip(f'no {source}')
    path = tmp_path_factory.mktemp('weights') / 'deit_tiny.pth'
    with np.load(source) as z:
        torch.save(
            dict(model={k: torch.from_numpy(z[k]) for k in z.files}), path
        )
    return path


@pytest.mark.parametrize('method', ['tscam', 'scm'])
@pytest.mark.parametrize('dataset', SETS)
def test_train_test_report_localize(
    repo, external_data, weights, tmp_path, dataset, method
):
    root = external_data / 'data' / dataset
    if not root.is_dir():
        pytest.skip(f'no {root}')
    shop = Workshop(tmp_path)
    classes, *sizes = SETS[dataset]
    trained, tested = (
        str(list(range(0, size, size // count))[:count]).replace(' ', '')
        for size, count in zip(sizes, (TRAINED, TESTED), strict=True)
    )
    options = [
        '--cfg-options',
        f'data_root={root}',
        f'test_dataloader.dataset.indices={tested}',
        'test_dataloader.num_workers=0',
        'test_dataloader.persistent_workers=False',
    ]
    config = repo / 'configs' / f'{method}_deit-t_{dataset}.py'
    shop.run(
        *('train.py', str(config), '--work-dir', 'work', *options),
        f'model.backbone.init_cfg.checkpoint={weights}',
        f'train_dataloader.dataset.indices={trained}',
        f'val_dataloader.dataset.indices={tested}',
        'train_dataloader.batch_size=4',
        'train_cfg.max_epochs=1',
    )
    checkpoint = tmp_path / 'work' / 'epoch_1.pth'
    told = shop.run(
        *('test.py', str(config), str(checkpoint), '--work-dir', 'tested'),
        *('--out', 'predictions.pkl', *options),
    )
    assert f'{TESTED} images, percent' in told
    assert 'gt_known_acc' in told

    shop.run(
        *('analysis_tools/report.py', 'predictions.pkl'),
        *('--data-root', str(root), '--out', 'report.html'),
    )
    page = (tmp_path / 'report.html').read_text('utf-8')
    webp = base64.b64encode(b'RIFF').decode().rstrip('=')[:5]
    assert page.count(f'"{webp}') == TESTED  # pictures

    photographs = sorted(root.glob('**/*.[jJ][pP]*[gG]'))[:2]
    shop.run(
        *('localize.py', *map(str, photographs), '--model', str(config)),
        *('--checkpoint', str(checkpoint), '--out', 'boxes'),
    )
    result = json.loads((tmp_path / 'boxes' / 'results.json').read_text())
    assert len(result['images']) == len(result['annotations']) == 2
    assert len(result['categories']) == classes
    for image, found in zip(
        result['images'], result['annotations'], strict=True
    ):
        x, y, width, height = found['bbox']
        with Image.open(photographs[image['id'] - 1]) as picture:
            assert picture.size == (image['width'], image['height'])
        assert 0 <= x < x + width <= image['width'] + 1e-6
        assert 0 <= y < y + height <= image['height'] + 1e-6
