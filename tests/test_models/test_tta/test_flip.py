# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
import torch
from mmpretrain.structures import DataSample

from projects.scm.models.tta import FlipTTA


def view(flip, label=1):
    meta = dict(img_shape=(64, 64), ori_shape=(100, 80), flip=flip)
    if flip:
        meta['flip_direction'] = 'horizontal'
    return DataSample(metainfo=meta).set_gt_label(label)


@pytest.fixture
def tta(build_classifier):
    return FlipTTA(module=build_classifier('SCMHead', map_topk=2)).eval()


def run(tta, image, flips):
    batches = [image.flip(-1) if flip else image for flip in flips]
    with torch.no_grad():
        return tta.test_step(
            dict(
                inputs=[batch.unbind() for batch in batches],
                data_samples=[[view(flip) for _ in image] for flip in flips],
            )
        )


def test_a_single_view_is_the_plain_prediction(tta):
    image = torch.randn(2, 3, 64, 64)
    merged = run(tta, image, [False])
    with torch.no_grad():
        plain = tta.module.predict(image, [view(False), view(False)])
    for ours, theirs in zip(merged, plain, strict=True):
        count = len(ours.score_map_labels)
        assert 2 <= count <= 3  # two best, and the ground truth
        torch.testing.assert_close(ours.score_maps[:2], theirs.score_maps[:2])
        torch.testing.assert_close(
            ours.pred_instances.bboxes, theirs.pred_instances.bboxes
        )


@pytest.mark.parametrize('flips', [[True, False], [False, True]])
def test_maps_are_flipped_back(tta, flips):
    """Merging a picture and its mirror commutes with mirroring it."""
    image = torch.randn(1, 3, 64, 64)
    (merged,) = run(tta, image, flips)
    (mirrored,) = run(tta, image.flip(-1), flips)
    assert torch.equal(merged.score_map_labels, mirrored.score_map_labels)
    torch.testing.assert_close(merged.score_maps, mirrored.score_maps.flip(-1))
    torch.testing.assert_close(merged.pred_score, mirrored.pred_score)
    assert not merged.get('flip')


def test_scores_and_maps_are_means(tta):
    image, head = torch.randn(1, 3, 64, 64), tta.module.head
    (merged,) = run(tta, image, [False, True])
    labels = merged.score_map_labels[None]
    with torch.no_grad():
        plain, mirrored = (
            tta.module.extract_feat(view) for view in (image, image.flip(-1))
        )
        scores = head.class_scores(plain) + head.class_scores(mirrored)
        maps = head.score_maps(plain, labels)
        maps = maps + head.score_maps(mirrored, labels).flip(-1)
    torch.testing.assert_close(merged.pred_score, scores[0] / 2)
    torch.testing.assert_close(merged.score_maps, maps[0] / 2)


def test_views_it_cannot_merge(tta):
    image = torch.randn(1, 3, 64, 64)
    with pytest.raises(ValueError, match='without flip'):
        run(tta, image, [True])
    upside_down = view(True)
    upside_down.set_metainfo(dict(flip_direction='vertical'))
    data = dict(
        inputs=[[image[0]], [image[0].flip(-2)]],
        data_samples=[[view(False)], [upside_down]],
    )
    with pytest.raises(ValueError, match=r"only, .*flip_direction='vertical'"):
        tta.test_step(data)


def test_needs_a_localisation_head(build_classifier):
    model = build_classifier()
    model.head = torch.nn.Identity()
    with pytest.raises(TypeError, match='ScoreMapHead'):
        FlipTTA(module=model)
