# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""One picture, one class and one box, whoever is asked."""

import runpy
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmpretrain.registry import TRANSFORMS
from synthetic_results import dump_results
from test_apis.conftest import blobs
from test_apis.tiny_localizer import (
    CONFIG,
    build_model,
    run_tool,
    write_checkpoint,
    write_config,
)

from projects.scm.apis import WSOLInferencer
from projects.scm.evaluation.functional import EvaluationPlan
from projects.scm.evaluation.metrics import DumpPseudoLabels, record_sample
from projects.scm.reporting.measures import build_plan, measure_run
from projects.scm.reporting.records import load_records

THRESHOLD = 0.3
# Maps are looked at in the frame of the protocols, as by the model.
TEXT = CONFIG.replace('scale=(64, 64)', 'scale=(224, 224)')


class Run(NamedTuple):
    """A picture and what the inferencer says of it."""

    photo: str
    sample: dict
    """Of a test run on it, with the inferencer's box as the annotation."""
    result: dict
    files: tuple


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp('one')
    photo = str(folder / 'blobs.png')
    cv2.imwrite(photo, blobs(300, 180, seed=5))
    model = build_model(box_cfg=dict(threshold=THRESHOLD))
    text = TEXT.replace(
        'num_classes=7))',
        f'num_classes=7, box_cfg=dict(threshold={THRESHOLD})))',
    )
    files = write_config(folder, text), write_checkpoint(folder, model)
    (result,) = WSOLInferencer(*files, device='cpu')(photo)
    (box,) = result['bboxes'].tolist()
    steps = Config.fromstring(text, '.py').test_pipeline
    data = Compose([TRANSFORMS.build(step) for step in steps])(
        dict(
            img_path=photo,
            gt_label=result['pred_label'],
            instances=[dict(bbox=box, bbox_label=0, ignore_flag=0)],
        )
    )
    with torch.no_grad():
        (sample,) = model.test_step(pseudo_collate([data]))
    sample = sample.to_dict()
    # Whole pixels of the frame come back as they were, and not one less.
    near = [side + 1e-3 for side in box]
    sample['instances'] = [dict(bbox=near, bbox_label=result['pred_label'])]
    return Run(photo, sample, result, files)


def test_head(run):
    assert run.sample['pred_label'].tolist() == [run.result['pred_label']]
    np.testing.assert_array_equal(
        run.sample['pred_instances']['bboxes'], run.result['bboxes']
    )


def test_metric(run):
    plan = EvaluationPlan.build(
        'tscam', dict(type='fixed', value=THRESHOLD), (0.5, 1.0)
    )
    record = record_sample(plan, run.sample)
    assert record.rank == 0
    hits = np.unpackbits(record.hits['tscam']['gt_known_acc'], axis=-1)
    at = np.flatnonzero(plan.thresholds(0) == THRESHOLD)[-1]
    assert hits[:, at].tolist() == [1, 1]  # an IoU of 1


def test_report(run, tmp_path):
    file = dump_results(tmp_path / 'run.pkl', [run.sample])
    measures = measure_run(build_plan('tscam', THRESHOLD), load_records(file))
    for box in measures.bboxes[:, 0]:
        np.testing.assert_allclose(box, run.result['bboxes'][0], rtol=1e-6)
    assert (measures.ious == 1).all()


def test_pseudo_labels(run, tmp_path):
    folder = str(tmp_path)
    expected = run.result['bboxes'][0].round(3)
    for boxes, options in (
        ('predicted', {}),
        ('gt_class', dict(box_cfg=dict(threshold=THRESHOLD))),
    ):
        metric = DumpPseudoLabels(
            f'{folder}/{boxes}.json',
            run.photo.rpartition('/')[0],
            boxes,
            **options,
        )
        metric.process(None, [run.sample])
        (kept,) = metric.results[0].boxes
        x, y, width, height = kept['bbox']
        np.testing.assert_allclose(
            [x, y, x + width, y + height], expected, atol=2e-3
        )
        assert kept['category_id'] == run.result['pred_label'] + 1


def test_onnx_example(run, tmp_path, repo):
    for module in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(module)
    file = tmp_path / 'model.onnx'
    run_tool('export_onnx.py', *run.files, '--out', file)
    example = runpy.run_path(str(repo / 'demo' / 'onnx_boxes.py'))
    found = example['Localizer'](str(file))(cv2.imread(run.photo))
    assert found.label == run.result['pred_label']
    assert found.score == pytest.approx(run.result['pred_score'], rel=1e-4)
    np.testing.assert_allclose(found.boxes, run.result['bboxes'], rtol=1e-6)
