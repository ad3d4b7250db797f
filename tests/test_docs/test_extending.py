# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The examples of the page, written where it says and used together."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpretrain.registry import DATASETS, METRICS, MODELS
from test_docs.pages import REPO, blocks, file_of, read_page

from projects.scm.apis.export_graph import LocalizationGraph

TINY = dict(embed_dims=32, num_layers=4, num_heads=2, feedforward_channels=64)


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """A checkout with the files of the page; its package can be imported."""
    folder = tmp_path_factory.mktemp('extending')
    shutil.copytree(REPO / 'configs', folder / 'configs')
    (folder / 'my_wsol').mkdir()
    (folder / 'my_wsol' / '__init__.py').touch()
    python = blocks(read_page('docs/extending.md'), 'python')
    for block in python:
        assert file_of(block), f'says no file: {block.text[:80]}'
        (folder / file_of(block)).write_text(block.text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


@pytest.fixture(scope='module')
def config(written):
    """The last config, which inherits from my_experiment.py, made small."""
    data = written / 'data' / 'json'
    (data / 'images').mkdir(parents=True)
    rows = []
    for index in range(6):
        image = np.full((60, 90, 3), 90, np.uint8)
        x = 10 * index
        image[20:40, x : x + 30] = 255
        cv2.imwrite(str(data / 'images' / f'{index}.png'), image)
        row = dict(file=f'{index}.png', label=index % 3)
        rows.append(dict(row, boxes=[[x, 20.0, x + 30, 40.0]]))
    for split in ('train', 'test'):
        (data / f'{split}.json').write_text(json.dumps(rows))
    cfg = Config.fromfile(written / 'configs/my_dataset.py')
    cfg.model.backbone.arch = dict(TINY)
    cfg.model.head.in_channels = 32
    for loader in ('train_dataloader', 'test_dataloader'):
        cfg[loader].dataset.data_root = str(data)
    return cfg


def build_model(cfg, **backbone):
    torch.manual_seed(0)
    model = cfg.model.to_dict()
    model['backbone'] = backbone or model['backbone']
    model['data_preprocessor'] = cfg.data_preprocessor.to_dict()
    return MODELS.build(model)


def batch_of(loader):
    dataset = DATASETS.build(loader.dataset)
    assert list(dataset.metainfo['classes']) == ['blue', 'green', 'red']
    return pseudo_collate([dataset[i] for i in range(len(dataset))])


def test_the_parts_train_and_are_measured_together(config):
    model = build_model(config)
    data = model.data_preprocessor(batch_of(config.train_dataloader), True)
    losses = model(**data, mode='loss')
    losses['loss'].backward()
    assert model.backbone.stem.weight.grad.abs().sum() > 0
    assert type(model.head).__name__ == 'LastLayersHead'
    assert type(model.head.calibration).__name__ == 'NeighbourMean'
    assert model.head.calibration.weight.grad.abs() > 0
    assert model.head.calibration.scalars()['weight'] == pytest.approx(0.3)

    model.eval()
    with torch.no_grad():
        found = model.test_step(batch_of(config.test_dataloader))
    samples = [sample.to_dict() for sample in found]
    values = {}
    for spec in config.test_evaluator:
        metric = METRICS.build(spec)
        metric.process(None, samples)
        values.update(metric.evaluate(len(samples)))
    assert 0 <= values['pointing/peak_acc'] <= 100
    assert {'wsol/scm/top1_loc', 'wsol/wsoleval/max_box_acc'} <= set(values)


def test_a_source_of_its_own_is_measured_as_others(config, written):
    """Two methods are enough for boxes, metrics and export."""
    source = Config.fromfile(written / 'configs/my_source.py')
    source.data_preprocessor = config.data_preprocessor
    model = build_model(source)
    data = model.data_preprocessor(batch_of(config.train_dataloader), True)
    assert torch.isfinite(model(**data, mode='loss')['loss'])
    model.eval()
    with torch.no_grad():
        found = model.test_step(batch_of(config.test_dataloader))
        logits, labels, maps = LocalizationGraph(model, 2, any_size=False)(
            batch_of(config.test_dataloader)['inputs'][0][None].flip(1).float()
        )
    first = found[0]
    assert labels[0].tolist() == first.score_map_labels[:2].tolist()
    torch.testing.assert_close(maps[0], first.score_maps[:2])
    torch.testing.assert_close(logits.softmax(1)[0], first.pred_score)
    assert len(first.pred_instances) == 1
    metric = METRICS.build(config.test_evaluator[0])
    metric.process(None, [sample.to_dict() for sample in found])
    assert 'wsol/scm/top1_loc' in metric.evaluate(len(found))


def test_the_head_uses_the_last_layers_alone(config):
    model = build_model(config).eval()
    (tokens,) = model.extract_feat(torch.randn(1, 3, 64, 64))
    expected = tokens.cls_attention[0, 1:].sum(0)
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    torch.testing.assert_close(model.head.attention_map(tokens)[0], expected)


@pytest.mark.parametrize(('peak', 'hits'), [((3, 3), 100.0), ((0, 0), 0.0)])
def test_the_metric_finds_the_peak(written, peak, hits):
    from my_wsol.metrics import PointingGame

    score_maps = torch.zeros(1, 8, 8)
    score_maps[0][peak] = 1
    sample = dict(
        ori_shape=(80, 160),
        gt_label=[0],
        pred_score=[1.0],
        score_maps=score_maps,
        score_map_labels=[0],
        instances=[dict(bbox=[60.0, 30.0, 80.0, 40.0])],
    )
    metric = PointingGame()
    metric.process(None, [sample])
    assert metric.evaluate(1) == {'pointing/peak_acc': hits}


def test_the_protocol_counts_the_true_class(written):
    cfg = Config.fromfile(written / 'configs/my_protocol.py')
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        metric = METRICS.build(evaluator)
        names = [p.name for p in metric.plan.protocols]
        assert names == ['scm', 'true_class']
        assert metric.plan.keys(metric.plan.protocols[1])[1] == 'loc_acc'
        assert metric.plan.choices[1].value == 0.2
