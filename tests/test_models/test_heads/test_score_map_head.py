# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What every head of this contract does, whatever its maps come from."""

import numpy as np
import pytest
import torch
from mmpretrain.structures import DataSample

from projects.scm.evaluation.functional import EvaluationPlan
from projects.scm.evaluation.metrics import DumpPseudoLabels, record_sample
from projects.scm.models.heads import (
    SCMHead,
    ScoreMapHead,
    TSCAMHead,
    best_classes,
)
from projects.scm.structures import Localization, TokenFeatures, rank_classes


class SameMapHead(ScoreMapHead):
    """Logits are given, and one map for every class."""

    def forward(self, feats):
        return feats[-1][0]

    def score_maps(self, feats, labels):
        return feats[-1][1].expand(-1, labels.size(1), -1, -1)


FRAME = dict(img_shape=(40, 40), ori_shape=(80, 60), scale_factor=(2 / 3, 0.5))


def sample(label=None, **meta):
    sample = DataSample(metainfo={'img_path': 'a.jpg', **FRAME, **meta})
    return sample if label is None else sample.set_gt_label(label)


def predict(logits, samples=None, **options):
    batch, classes = logits.shape
    torch.manual_seed(0)
    feats = ((logits, torch.rand(batch, 1, 5, 5)),)
    return SameMapHead(classes, **options).predict(feats, samples)


def test_maps_that_are_the_same_for_every_class():
    (out,) = predict(torch.arange(8.0)[None], [sample(1)])
    assert out.score_map_labels.tolist() == [7, 6, 5, 4, 3, 1]
    assert (out.score_maps == out.score_maps[0]).all()
    assert out.pred_instances.labels.tolist() == [7]
    found = Localization.from_mapping(out.to_dict())
    np.testing.assert_allclose(
        found.bboxes, found.with_boxes(threshold=0.1).bboxes, rtol=1e-6
    )


def test_labels_of_some_samples_are_labels_of_none():
    for out in predict(torch.arange(8.0).repeat(2, 1), [sample(1), sample()]):
        assert out.score_map_labels.tolist() == [7, 6, 5, 4, 3]


def test_the_default_threshold_is_that_of_tscam():
    assert SCMHead(4, 3).box_cfg == dict(threshold=0.1)


def test_devices_rank_as_numpy():
    torch.manual_seed(0)
    scores = torch.randint(0, 4, (64, 50)).float()  # nearly all are ties
    for row, mine in zip(scores, best_classes(scores), strict=True):
        assert mine.tolist() == rank_classes(row).tolist()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_label_and_first_map_agree_on_ties(dtype):
    """Eight bits: of 512 samples with 200 classes many have two best."""
    torch.manual_seed(0)
    logits = torch.randn(512, 200).to(dtype)
    ties = 0
    for out in predict(logits):
        score = out.pred_score
        ties += int((score == score.max()).sum() > 1)
        assert out.pred_label.item() == out.score_map_labels[0].item()
        assert out.pred_label.item() == int(score.numpy().argmax())
        assert (
            out.score_map_labels.tolist() == rank_classes(score)[:5].tolist()
        )
    assert ties > 0


def evaluated(**changes):
    """A predicted sample with what the annotation says."""
    (out,) = predict(torch.arange(8.0)[None], [sample(1)], map_topk=2)
    content = out.to_dict()
    content['instances'] = [{'bbox': [5, 5, 50, 70]}]
    return {**content, **changes}


def test_few_maps_do_not_make_a_class_right():
    """The true class is seventh: its map does not put it among five."""
    content = evaluated()
    assert content['score_map_labels'].tolist() == [7, 6, 1]
    for protocol in ('wsoleval', 'tscam'):  # those look at no other map
        record = record_sample(EvaluationPlan.build(protocol), content)
        assert record.rank == -1
    with pytest.raises(ValueError, match=r'no map of class 5.*map_topk'):
        record_sample(EvaluationPlan.build('scm'), content)


MOVED = {
    'flip': dict(flip=True, flip_direction='horizontal'),
    'crop': dict(scale_factor=(1.0, 1.0)),
}


@pytest.mark.parametrize('change', MOVED.values(), ids=MOVED)
def test_what_moves_boxes_is_refused_by_all(change, tmp_path):
    with pytest.raises(ValueError, match=r'a.jpg: the test pipeline'):
        predict(torch.randn(1, 4), [sample(**change)])
    moved = evaluated(**change)
    with pytest.raises(ValueError, match=r'a.jpg: the test pipeline'):
        record_sample(EvaluationPlan.build('tscam'), moved)
    for boxes in ('predicted', 'gt_class'):
        metric = DumpPseudoLabels(
            str(tmp_path / 'a.json'), str(tmp_path), boxes
        )
        with pytest.raises(ValueError, match=r'a.jpg: the test pipeline'):
            metric.process(None, [moved])


def test_padding_is_refused():
    torch.manual_seed(0)
    head = TSCAMHead(4, 3)

    def tokens(hw):
        return (
            TokenFeatures(
                torch.randn(2, 4, 3, 3), torch.rand(2, 2, 3, 3), input_hw=hw
            ),
        )

    head.predict(tokens((40, 40)), [sample(), sample()])
    with pytest.raises(ValueError, match=r'given 64x64.*pad_size_divisor'):
        head.predict(tokens((64, 64)), [sample(), sample()])
    # Pictures of two sizes, of which one was padded to the other's.
    small = dict(img_shape=(40, 30), scale_factor=(0.5, 0.5))
    message = 'is 30x40, but the model was given 40x40: the data prepr.* pads'
    for hw in (None, (40, 40)):
        with pytest.raises(ValueError, match=message):
            head.predict(tokens(hw), [sample(), sample(**small)])


@pytest.mark.parametrize(
    ('box_cfg', 'message'),
    [
        (dict(thr=0.2), r"unknown keys \['thr'\]; there are"),
        (dict(threshold=2), r'threshold: expected a number in \[0, 1\]'),
        (dict(contours='some'), "contours: expected one of .* got 'some'"),
        (dict(interpolation='x'), 'interpolation: expected one of'),
        (0.2, 'box_cfg: expected a dict'),
    ],
)
def test_box_cfg_is_checked_when_it_is_built(box_cfg, message):
    with pytest.raises(ValueError, match=message):
        SCMHead(4, 3, box_cfg=box_cfg)


def test_otsu_as_the_threshold_of_a_head():
    (out,) = predict(
        torch.randn(1, 4), [sample()], box_cfg=dict(threshold='otsu')
    )
    assert len(out.pred_instances) == 1


@pytest.mark.parametrize('calibration', [True, 'SpatialCalibration', (4, 4)])
def test_calibration_must_be_a_dict(calibration):
    with pytest.raises(ValueError, match='calibration: expected a dict, such'):
        SCMHead(4, 3, calibration=calibration)


def test_calibration_is_built_by_its_name():
    plain = SCMHead(4, 3, calibration=dict(iterations=(4, 2)))
    named = SCMHead(
        4, 3, calibration=dict(type='SpatialCalibration', iterations=(4, 2))
    )
    assert repr(plain.calibration) == repr(named.calibration)
    assert SCMHead(4, 3, calibration=False).calibration is None


def test_numbers_that_are_not_finite_are_named():
    with pytest.raises(ValueError, match=r'a.jpg: pred_score: 4 of 4 values'):
        predict(torch.full((1, 4), torch.nan), [sample()])
