# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
import torch
from mmpretrain.structures import DataSample

from projects.scm.models.heads import SCMHead, TSCAMHead
from projects.scm.structures import TokenFeatures


def tokens(batch=2, channels=4, size=6):
    torch.manual_seed(1)
    return (
        TokenFeatures(
            torch.randn(batch, channels, size, size),
            torch.rand(batch, 3, size, size),
        ),
    )


def samples():
    return [DataSample().set_gt_label(0), DataSample().set_gt_label(2)]


def build(**options):
    torch.manual_seed(2)
    return SCMHead(in_channels=4, num_classes=3, **options)


def test_prediction_is_that_of_tscam_on_a_scaled_attention_map():
    head = build()
    plain = TSCAMHead(in_channels=4, num_classes=3)
    plain.load_state_dict(head.state_dict(), strict=False)
    logits, semantic, attention = head.forward_maps(tokens())
    for ours, theirs in zip(
        (logits, semantic), plain.forward_maps(tokens()), strict=False
    ):
        torch.testing.assert_close(ours, theirs)
    assert attention.amin((1, 2)).tolist() == [0, 0]
    assert attention.amax((1, 2)).tolist() == [1, 1]


def test_prediction_never_runs_the_calibration():
    head = build()

    def fail(*args):
        raise AssertionError('the calibration ran')

    for block in head.calibration.blocks:
        block.activation = fail
    head.eval()
    head(tokens())
    head.predict(tokens(), samples())
    with pytest.raises(AssertionError, match='the calibration ran'):
        head.loss(tokens(), samples())


def test_loss_is_taken_on_calibrated_maps():
    head = build()
    feats = tokens()
    semantic, _ = head.calibration(
        head.semantic(feats[0].patch), head.attention_map(feats[0])
    )
    expected = torch.nn.functional.cross_entropy(
        semantic.mean((2, 3)), torch.tensor([0, 2])
    )
    loss = head.loss(feats, samples())['loss']
    torch.testing.assert_close(loss, expected)
    plain = torch.nn.functional.cross_entropy(
        head(feats), torch.tensor([0, 2])
    )
    assert (loss - plain).abs() > 1e-4


def test_stripped_checkpoints_predict_the_same_and_do_not_train():
    head, bare = build(), build(calibration=False)
    state = {
        k: v
        for k, v in head.state_dict().items()
        if not k.startswith('calibration.')
    }
    bare.load_state_dict(state, strict=True)
    for ours, theirs in zip(
        bare.predict(tokens(), samples()),
        head.predict(tokens(), samples()),
        strict=True,
    ):
        assert torch.equal(ours.score_maps, theirs.score_maps)
        assert torch.equal(ours.pred_score, theirs.pred_score)
    with pytest.raises(RuntimeError, match='calibration=False'):
        bare.loss(tokens(), samples())


def test_similarity_of_embeddings():
    semantic, embedding = build(), build(similarity='embedding')
    embedding.load_state_dict(semantic.state_dict())
    losses = [
        h.loss(tokens(), samples())['loss'] for h in (semantic, embedding)
    ]
    assert (losses[0] - losses[1]).abs() > 1e-5
    with pytest.raises(ValueError, match='similarity'):
        build(similarity='cosine')


def test_calibration_options_reach_the_blocks():
    head = build(calibration=dict(iterations=(4, 2), beta=0.3))
    assert [b.iterations for b in head.calibration.blocks] == [4, 2]
    assert head.calibration.blocks[0].beta.item() == pytest.approx(0.3)


def test_calibrated_maps_are_those_of_the_trace():
    head = build(calibrated_maps=True)
    feats, labels = tokens(), torch.tensor([[2, 0], [1, 2]])
    semantic, attention = head.calibration.trace(
        head.semantic(feats[0].patch), head.attention_map(feats[0])
    )[-1]
    maps = head.score_maps(feats, labels)
    for image in range(2):
        for place in range(2):
            torch.testing.assert_close(
                maps[image, place],
                semantic[image, labels[image, place]] * attention[image],
            )
    logits, whole = head.all_maps(feats)
    torch.testing.assert_close(whole, semantic * attention.unsqueeze(1))
    torch.testing.assert_close(logits, build()(feats))
    assert (maps - build().score_maps(feats, labels)).abs().max() > 0.1


def test_calibrated_scores_are_those_of_the_loss():
    head = build(calibrated_inference=True)
    feats = tokens()
    expected = build().calibrated_logits(feats)
    torch.testing.assert_close(head(feats), expected)
    torch.testing.assert_close(head.forward_maps(feats)[0], expected)
    torch.testing.assert_close(
        head.score_maps(feats, torch.tensor([[0], [1]])),
        build().score_maps(feats, torch.tensor([[0], [1]])),
    )


@pytest.mark.parametrize('name', ['calibrated_inference', 'calibrated_maps'])
def test_what_predicts_calibrated_keeps_its_calibration(name):
    head = build(**{name: True})
    head.drop_training_parts()
    assert head.calibration is not None
    with pytest.raises(ValueError, match='nothing to predict with'):
        build(calibration=False, **{name: True})


def test_without_blocks_the_loss_is_that_of_tscam():
    head = build(calibration=dict(iterations=()))
    plain = TSCAMHead(in_channels=4, num_classes=3)
    plain.load_state_dict(head.state_dict())
    torch.testing.assert_close(
        head.loss(tokens(), samples())['loss'],
        plain.loss(tokens(), samples())['loss'],
    )
