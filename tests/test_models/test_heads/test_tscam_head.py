# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmpretrain.models.backbones import VisionTransformer
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from projects.scm.models.heads import TSCAMHead
from projects.scm.structures import TokenFeatures


def tokens(batch=2, channels=4, height=3, width=5, layers=2):
    torch.manual_seed(1)
    return (
        TokenFeatures(
            torch.randn(batch, channels, height, width),
            torch.rand(batch, layers, height, width),
        ),
    )


def sample(label=None, **meta):
    sample = DataSample(metainfo=meta)
    return sample if label is None else sample.set_gt_label(label)


def test_coupling_by_hand():
    head = TSCAMHead(in_channels=1, num_classes=2)
    with torch.no_grad():  # class 0 sees the patch itself, class 1 twice it
        head.semantic.weight.zero_()
        head.semantic.weight[:, 0, 1, 1] = torch.tensor([1.0, 2.0])
        head.semantic.bias.zero_()
    patch = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    attention = torch.tensor(
        [[[[0.1, 0.2], [0.3, 0.1]], [[0.1, 0.0], [0.1, 0.2]]]]
    )
    feats = (TokenFeatures(patch, attention),)

    torch.testing.assert_close(head(feats), torch.tensor([[2.5, 5.0]]))
    logits, semantic, attended = head.forward_maps(feats)
    torch.testing.assert_close(logits, torch.tensor([[2.5, 5.0]]))
    torch.testing.assert_close(
        attended, torch.tensor([[[0.2, 0.2], [0.4, 0.3]]])
    )
    torch.testing.assert_close(
        semantic[0, 0] * attended[0], torch.tensor([[0.2, 0.4], [1.2, 1.2]])
    )


def test_maps_of_best_classes_and_ground_truth():
    head = TSCAMHead(in_channels=4, num_classes=9, map_topk=3)
    feats = tokens()
    logits, semantic, attention = head.forward_maps(feats)
    best = logits.topk(3).indices
    outside = int(logits[0].argmin())
    inside = int(best[1, 2])

    first, second = head.predict(feats, [sample(outside), sample(inside)])

    assert first.score_map_labels.tolist() == [*best[0].tolist(), outside]
    assert second.score_map_labels.tolist() == best[1].tolist()
    for i, out in enumerate((first, second)):
        maps = semantic[i, out.score_map_labels] * attention[i]
        torch.testing.assert_close(out.score_maps, maps)
        assert out.pred_label.item() == best[i, 0]
        torch.testing.assert_close(out.pred_score, logits[i].softmax(0))


def test_fewer_classes_than_maps_and_no_ground_truth():
    head = TSCAMHead(in_channels=4, num_classes=2)
    out = head.predict(tokens())[0]
    assert out.score_maps.shape == (2, 3, 5)
    assert len(out.pred_instances) == 0  # no frame, no boxes


def test_boxes_in_original_pixels():
    head = TSCAMHead(in_channels=1, num_classes=2, box_cfg=dict(threshold=0.5))
    with torch.no_grad():
        head.semantic.weight.zero_()
        head.semantic.weight[0, 0, 1, 1] = 1.0
        head.semantic.bias.zero_()
    patch = torch.zeros(1, 1, 8, 8)
    patch[..., 2:4, 4:8] = 1.0  # rows 2-3, columns 4-7 of 8
    feats = (TokenFeatures(patch, torch.ones(1, 1, 8, 8)),)

    (out,) = head.predict(
        feats, [sample(img_shape=(128, 128), ori_shape=(200, 400))]
    )

    (box,) = out.pred_instances.bboxes.tolist()
    # half the width, a quarter of the height, within half a patch
    expected = [200, 50, 400, 100]
    assert np.abs(np.subtract(box, expected)).max() <= 25
    assert out.pred_instances.labels.tolist() == [0]
    assert out.pred_instances.scores.tolist() == [out.pred_score.max().item()]


def test_a_sample_does_not_hold_its_batch():
    """A pickled view would take the storage of all images along."""
    head = TSCAMHead(in_channels=4, num_classes=9)
    samples = head.predict(tokens(batch=64), [sample(1) for _ in range(64)])
    for name in ('score_maps', 'score_map_labels', 'pred_score'):
        field = samples[3].get(name)
        assert field.untyped_storage().nbytes() == (
            field.numel() * field.element_size()
        ), name


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_predicts_numbers_that_numpy_reads(dtype):
    head = TSCAMHead(in_channels=4, num_classes=9)
    frame = dict(img_shape=(24, 40))
    with torch.no_grad(), torch.autocast('cpu', dtype=dtype):
        out = head.predict(tokens(), [sample(1, **frame)] * 2)[0]
    for field in (out.pred_score, out.score_maps, out.pred_instances.scores):
        assert field.numpy().dtype == np.float32


def test_loss_is_cross_entropy_of_pooled_maps():
    head = TSCAMHead(in_channels=4, num_classes=3)
    feats = tokens()
    loss = head.loss(feats, [sample(0), sample(2)])['loss']
    expected = torch.nn.functional.cross_entropy(
        head.semantic(feats[0].patch).mean((2, 3)), torch.tensor([0, 2])
    )
    torch.testing.assert_close(loss, expected)


def test_sizes_that_do_not_fit_are_named():
    head = TSCAMHead(in_channels=8, num_classes=3)
    with pytest.raises(ValueError, match=r'4 channels.*in_channels=8'):
        head(tokens(channels=4))


def test_a_backbone_without_tokens_is_named(tiny_arch):
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(
                type='VisionTransformer', arch=tiny_arch, img_size=64
            ),
            head=dict(type='TSCAMHead', in_channels=32, num_classes=3),
        )
    )
    assert isinstance(model.backbone, VisionTransformer)
    with pytest.raises(TypeError, match=r'TokenFeatures.*Tensor'):
        model(torch.randn(1, 3, 64, 64))


@pytest.mark.parametrize('name', ['in_channels', 'num_classes', 'map_topk'])
def test_numbers_must_be_positive(name):
    options = dict(in_channels=4, num_classes=3, map_topk=5)
    with pytest.raises(ValueError, match=f'{name} must be positive'):
        TSCAMHead(**{**options, name: 0})


def test_attention_of_the_last_layers():
    feats = tokens(layers=5)
    head = TSCAMHead(in_channels=4, num_classes=3, attention_layers=2)
    torch.testing.assert_close(
        head.attention_map(feats[0]),
        feats[0].cls_attention[:, -2] + feats[0].cls_attention[:, -1],
    )
    head = TSCAMHead(in_channels=4, num_classes=3, attention_layers=99)
    with pytest.raises(ValueError, match=r'attention_layers=99.* layers'):
        head.attention_map(feats[0])
    with pytest.raises(ValueError, match='attention_layers'):
        TSCAMHead(in_channels=4, num_classes=3, attention_layers=0)
