# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The configs of the page load and build."""

import shutil

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from test_docs.pages import REPO, blocks, file_of, read_page

import projects.scm.register  # noqa: F401


@pytest.fixture(scope='module')
def configs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('pseudo') / 'configs'
    shutil.copytree(REPO / 'configs', folder)
    for block in blocks(read_page('docs/pseudo_labels.md'), 'python'):
        name = file_of(block)
        if name:
            (folder.parent / name).write_text(block.text)
    return folder


def test_threshold_is_chosen_on_held_out_training_images(configs):
    cfg = Config.fromfile(configs / 'my_threshold.py')
    data = cfg.test_dataloader.dataset
    assert data.split == 'train'
    # Labels are made of every fourth image, from the first.
    assert not set(data.indices) & set(range(0, 4800, 4))
    assert len(data.indices) == 200
    assert cfg.test_evaluator.type == 'WSOLEvaluator'
    assert 'scm' in cfg.test_evaluator.protocol


def test_detector_from_random_weights_trains_all_of_them(configs):
    pytest.importorskip(
        'mmcv._ext', reason='no compiled operators', exc_type=ImportError
    )
    pytest.importorskip('mmdet')
    from mmdet.registry import MODELS

    cfg = Config.fromfile(configs / 'psol' / 'my_detector.py')
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        sizes = [s.scale for s in loader.dataset.pipeline if 'scale' in s]
        assert sizes == [(96, 96)]
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(cfg.model)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(
        module.training
        for name, module in model.train().named_modules()
        if '.bn' in name
    )
