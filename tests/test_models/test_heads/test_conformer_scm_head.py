# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from projects.scm.structures import TokenFeatures


def build(**options):
    torch.manual_seed(0)
    options = dict(in_channels=(8, 32), num_classes=7, **options)
    return MODELS.build(dict(type='ConformerSCMHead', **options)).eval()


@pytest.fixture
def feats():
    torch.manual_seed(1)
    attention = torch.rand(2, 3, 5, 4) / 20
    return torch.randn(2, 8), TokenFeatures(
        torch.randn(2, 32, 5, 4), attention, torch.randn(2, 32)
    )


def test_logits_are_the_sum_of_both_branches(feats):
    head = build()
    _, tokens = feats
    semantic = head.semantic(tokens.patch)
    calibrated = head.calibration.pooled(semantic, head.attention_map(tokens))
    convolution = head.convolution(feats[0])
    torch.testing.assert_close(head(feats), calibrated + convolution)
    plain = build(calibrated_inference=False)
    torch.testing.assert_close(
        plain(feats), semantic.mean((2, 3)) + convolution
    )
    assert not torch.allclose(plain(feats), head(feats))


def test_the_loss_is_that_of_the_calibrated_sum_either_way(feats):
    samples = [DataSample().set_gt_label(i) for i in (1, 4)]
    losses = [
        build(calibrated_inference=flag).loss(feats, samples)['loss']
        for flag in (True, False)
    ]
    expected = torch.nn.functional.cross_entropy(
        build()(feats), torch.tensor([1, 4])
    )
    torch.testing.assert_close(losses[0], expected)
    torch.testing.assert_close(losses[1], expected)


def test_score_maps_are_not_calibrated(feats):
    head = build()
    labels = torch.tensor([[0, 3], [6, 2]])
    _, tokens = feats
    maps = head.semantic(tokens.patch) * head.attention_map(tokens)[:, None]
    expected = torch.stack([maps[i, labels[i]] for i in range(2)])
    torch.testing.assert_close(head.score_maps(feats, labels), expected)


def test_four_blocks_of_four_iterations():
    blocks = build().calibration.blocks
    assert [block.iterations for block in blocks] == [4, 4, 4, 4]
    assert build(calibration=dict(iterations=(2,))).calibration.blocks


def test_an_inference_without_calibration_needs_none(feats):
    head = build(calibration=False, calibrated_inference=False)
    torch.testing.assert_close(
        head(feats), build(calibrated_inference=False)(feats)
    )
    with pytest.raises(ValueError, match='calibrated_inference=False'):
        build(calibration=False)


def test_backbones_without_a_convolution_branch(feats):
    with pytest.raises(ValueError, match='TSCAMConformer'):
        build()(feats[1:])
    with pytest.raises(ValueError, match=r'\(B, 8\).*\(2, 9\)'):
        build()((torch.randn(2, 9), feats[1]))
    with pytest.raises(ValueError, match='two numbers'):
        MODELS.build(
            dict(type='ConformerSCMHead', in_channels=384, num_classes=7)
        )
