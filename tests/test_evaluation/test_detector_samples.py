# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A detector's samples, and the classifier's results they are joined with."""

import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from projects.scm.evaluation.functional import EvaluationPlan
from projects.scm.evaluation.metrics import WSOLEvaluator
from projects.scm.evaluation.metrics.samples import (
    load_classified_images,
    record_detection,
)

BOX = [10.0, 4.0, 30.0, 20.0]


def classified(path='a.png', **changes):
    """As ``tools/test.py --out`` dumps it, seven classes, the true one 5."""
    return {
        'img_path': path,
        'pred_score': torch.tensor([0.1, 0.05, 0.3, 0.2, 0.05, 0.25, 0.05]),
        'gt_label': torch.tensor([5]),
        'instances': [
            {'bbox': BOX},
            {'bbox': [0, 0, 9, 9], 'ignore_flag': 1},
        ],
        'ori_shape': (40, 80),
        **changes,
    }


def detected(path='a.png', boxes=((0, 0, 5, 5), BOX), scores=(0.1, 0.9)):
    return {
        'img_path': path,
        'ori_shape': (40, 80),
        'pred_instances': {
            'bboxes': torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
            'scores': torch.tensor(scores),
            'labels': torch.zeros(len(scores), dtype=torch.int64),
        },
    }


@pytest.fixture
def write(tmp_path):
    def write(*items):
        file = tmp_path / 'classifier.pkl'
        file.write_bytes(pickle.dumps(list(items)))
        return str(file)

    return write


def test_what_is_taken_from_a_classifier(write):
    few = classified('few.png', pred_score=np.array([0.2, 0.8]), gt_label=0)
    images = load_classified_images(write(classified(), few))
    assert list(images) == [os.path.abspath(p) for p in ('a.png', 'few.png')]
    first, second = images.values()
    assert first.ranking == [2, 5, 3, 0, 1]
    assert first.annotation[:3] == (5, [BOX], (80, 40))
    assert second.ranking == [1, 0]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(pred_score=None), r"a\.png: missing \['pred_score'\]"),
        (dict(instances=None), r"a\.png: missing \['instances'\]"),
        (dict(gt_label=torch.tensor([1, 2])), r'a\.png: gt_label: .*\[1, 2\]'),
        (dict(instances=[{}]), r'a\.png: instances\[0\]: missing bbox'),
    ],
)
def test_results_that_do_not_do_are_named(write, changes, message):
    file = write(classified(**changes))
    with pytest.raises(ValueError, match=r'classifier\.pkl: ' + message):
        load_classified_images(file)


def evaluate(file, *samples, **options):
    metric = WSOLEvaluator(classifier_results=file, **options)
    evaluator = Evaluator(metric)
    for sample in samples:
        evaluator.process(data_samples=[sample])
    return evaluator.evaluate(len(samples))


def test_the_best_box_counts(write):
    file = write(*(classified(p) for p in 'abcd'))
    metrics = evaluate(
        file,
        detected('a'),
        detected('b', scores=(0.9, 0.1)),
        detected('c', boxes=(), scores=()),
        # Another spelling of the same path.
        detected(os.path.join('.', 'd')),
        protocol=['scm', 'wsoleval'],
    )
    assert metrics['wsol/scm/gt_known_acc'] == 50
    assert metrics['wsol/scm/top1_loc'] == 0
    assert metrics['wsol/scm/top5_loc'] == 50
    assert metrics['wsol/scm/top1_cls_acc'] == 0
    assert metrics['wsol/scm/top5_cls_acc'] == 100
    assert metrics['wsol/wsoleval/max_box_acc'] == 50
    assert metrics['wsol/scm/error_cls'] == 100


def test_boxes_that_the_pipeline_fitted_are_counted(write):
    fitted = classified('a', num_cut_boxes=2, num_moved_boxes=3)
    images = load_classified_images(write(fitted))
    plan = EvaluationPlan.build(threshold='none')
    found = record_detection(plan, detected('a'), images)
    assert (found.num_cut_boxes, found.num_moved_boxes) == (2, 3)
    assert found.num_classes == len(fitted['pred_score'])


def test_both_must_have_seen_the_same_images(write):
    file = write(classified('a'), classified('b'), classified('c'))
    with pytest.raises(ValueError, match=r'3 images.*not tested on 2.*/b$'):
        evaluate(file, detected('a'))
    with pytest.raises(ValueError, match='elsewhere: not among the 3 images'):
        evaluate(file, detected('elsewhere'))
    other = {**detected('a'), 'ori_shape': (40, 81)}
    with pytest.raises(ValueError, match=r'/a: ori_shape: .*\(81, 40\)'):
        evaluate(file, other)
    with pytest.raises(ValueError, match=r"a: missing \['pred_instances'\]"):
        evaluate(file, {**detected('a'), 'pred_instances': None})


def test_options_that_contradict_each_other(write, tmp_path):
    file = write(classified())
    with pytest.raises(ValueError, match='boxes of a detector have none'):
        WSOLEvaluator(classifier_results=file, threshold='otsu')
    with pytest.raises(ValueError, match='score maps need one'):
        WSOLEvaluator(threshold='none')
    with pytest.raises(FileNotFoundError, match='--out'):
        WSOLEvaluator(classifier_results=str(tmp_path / 'none.pkl'))
