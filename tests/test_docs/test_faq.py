# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Configs and claims of the questions and answers."""

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmpretrain.registry import MODELS, TRANSFORMS
from test_docs.pages import REPO, blocks, file_of, read_page

import projects.scm.register  # noqa: F401
from projects.scm.evaluation.functional import PROTOCOLS

CONFIGS = {
    file_of(block).split('/')[1]: block.text
    for block in blocks(read_page('docs/faq.md'), 'python')
}


@pytest.fixture
def load(tmp_path):
    def load(name):
        text = CONFIGS[name].replace("'scm_", f"'{REPO}/configs/scm_")
        (tmp_path / name).write_text(text)
        return Config.fromfile(tmp_path / name)

    return load


def test_another_input_size(load):
    cfg = load('my_384.py')
    cfg.model.backbone.update(
        arch=dict(
            embed_dims=16,
            num_layers=1,
            num_heads=2,
            feedforward_channels=16,
        ),
        init_cfg=None,
    )
    cfg.model.head.in_channels = 16
    model = MODELS.build(cfg.model)
    (tokens,) = model.extract_feat(torch.zeros(1, 3, 384, 384))
    assert tokens.patch.shape[2:] == (24, 24)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        steps = loader.dataset.pipeline
        for step in steps:
            TRANSFORMS.build(step)
        assert steps[0].type == 'Load8BitImage'
    assert cfg.train_dataloader.dataset.pipeline[3].crop_size == 384
    assert cfg.test_dataloader.dataset.pipeline[2].scale == (384, 384)


def test_watching_lambda_and_beta(load):
    cfg = load('my_watch.py')
    assert cfg.custom_hooks[0].type == 'CalibrationLogHook'
    keys = cfg.optim_wrapper.paramwise_cfg.custom_keys
    assert keys['head.calibration'] == dict(lr_mult=100.0, decay_mult=0.0)
    assert '.cls_token' in keys


def test_keys_of_the_evaluator_have_a_direction():
    """As MMEngine infers it."""
    for name, protocol in PROTOCOLS.items():
        for measure in protocol.measures:
            key = f'wsol/{name}/{measure.key(0.5)}'
            CheckpointHook(interval=1, save_best=key)
    with pytest.raises(ValueError, match='Cannot infer the rule for key'):
        CheckpointHook(interval=1, save_best='wsol/scm/error_part')


def test_keys_that_the_page_names_exist():
    page = read_page('docs/faq.md')
    cfg = Config.fromfile(REPO / 'configs/scm_deit-s_cub.py')
    assert cfg.auto_scale_lr.base_batch_size == 256
    assert cfg.train_dataloader.batch_size == 64
    assert cfg.default_hooks.checkpoint.type == 'DurableCheckpointHook'
    assert 'test_evaluator.threshold_file' in page
    assert 'checkpoint' in cfg.model.backbone.init_cfg


def test_one_class_has_no_loss():
    logits = torch.randn(4, 1)
    labels = torch.zeros(4, dtype=torch.long)
    assert torch.nn.functional.cross_entropy(logits, labels) == 0
