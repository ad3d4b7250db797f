# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from PIL import Image

from projects.scm.structures import score_map_to_boxes
from projects.scm.visualization.explanation import (
    calibration_panels,
    explain,
    layer_panels,
    main_panels,
)

PIPELINE = [
    {'type': 'LoadImageFromFile', 'imdecode_backend': 'pillow'},
    {'type': 'LoadAnnotations', 'with_bbox': True, 'with_label': False},
    {'type': 'Resize', 'scale': (32, 32), 'backend': 'pillow'},
    {'type': 'PackWSOLInputs'},
]


@pytest.fixture(scope='module')
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp('photo') / 'noise.png'
    pixels = np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path)


def build(head, **kwargs):
    torch.manual_seed(3)
    arch = {
        'embed_dims': 16,
        'num_layers': 3,
        'num_heads': 2,
        'feedforward_channels': 32,
    }
    model = MODELS.build(
        {
            'type': 'mmpretrain.ImageClassifier',
            'backbone': {
                'type': 'TSCAMViT',
                'arch': arch,
                'img_size': 32,
                'patch_size': 8,
            },
            'head': {
                'type': head,
                'in_channels': 16,
                'num_classes': 7,
                **kwargs,
            },
            'data_preprocessor': {
                'mean': [127.5] * 3,
                'std': [127.5] * 3,
                'to_rgb': True,
            },
        }
    )
    return model.eval()


@pytest.mark.parametrize('head', ['TSCAMHead', 'SCMHead'])
def test_maps_are_those_of_prediction(photo, head):
    model = build(head, box_cfg={'threshold': 0.3})
    found = explain(model, PIPELINE, photo)
    inputs = torch.from_numpy(
        np.array(
            Image.open(photo).resize((32, 32), Image.Resampling.BILINEAR)
        ).transpose(2, 0, 1)
    )
    with torch.no_grad():
        predicted = model.predict(inputs[None].float() / 127.5 - 1)[0]
    assert found.label == found.pred_label == int(predicted.pred_label)
    score = float(predicted.pred_score.max())
    assert found.pred_score == pytest.approx(score, rel=1e-5)
    np.testing.assert_allclose(
        found.score_map, predicted.score_maps[0], rtol=1e-4
    )
    np.testing.assert_allclose(
        found.score_map, found.attention * found.semantic, rtol=1e-5
    )
    assert found.layer_attention.shape == (3, 4, 4)
    assert found.threshold == 0.3
    boxes = score_map_to_boxes(
        found.score_map, 0.3, (80, 48), frame_size_wh=(32, 32)
    )
    np.testing.assert_array_equal(found.bboxes, boxes)


def test_calibration_step_by_step(photo):
    model = build('SCMHead', calibration={'iterations': (4, 4)})
    found = explain(model, PIPELINE, photo, label=2, threshold=0.6)
    assert (found.label, found.threshold) == (2, 0.6)
    assert len(found.calibration) == 2
    gain = np.ones((4, 4))
    before = found.attention
    for semantic, attention in found.calibration:
        gain = gain * (1 + attention - before)
        before = attention
        np.testing.assert_allclose(
            semantic, found.semantic * gain, rtol=1e-3, atol=1e-5
        )
    captions = [panel.caption for panel in calibration_panels(found)]
    assert len(captions) == 2 * 3
    assert captions[0].startswith('attention F, before\n0 … 1')
    assert captions[5].startswith('semantic map S, after block 2')
    assert (
        calibration_panels(explain(build('TSCAMHead'), PIPELINE, photo)) == []
    )


def test_similarity_of_embeddings_is_followed(photo):
    semantic = explain(build('SCMHead'), PIPELINE, photo).calibration
    model = build('SCMHead', similarity='embedding')
    embedding = explain(model, PIPELINE, photo).calibration
    assert not np.allclose(semantic[-1][1], embedding[-1][1])


def test_panels(photo):
    found = explain(build('SCMHead'), PIPELINE, photo)
    panels = main_panels(found, 'SCM', 'wren', [[0, 0, 20, 20]])
    names = [panel.caption.split('\n')[0] for panel in panels]
    assert names == [
        'SCM',
        'class-token attention',
        'semantic map',
        'score map',
        'mask, τ 0.1',
        'box',
    ]
    assert panels[0].caption == f'SCM\nwren, {found.pred_score:.2f}'
    for panel in [*panels, *layer_panels(found)]:
        assert panel.image.shape == (224, 373, 3)
    assert len(layer_panels(found)) == 3
    other = explain(
        build('SCMHead'), PIPELINE, photo, label=(found.label + 1) % 7
    )
    assert 'not the predicted class' in main_panels(other)[0].caption


def test_wrong_arguments_are_named(photo):
    with pytest.raises(ValueError, match='label: expected 0 to 6, got 7'):
        explain(build('SCMHead'), PIPELINE, photo, label=7)
    model = build('SCMHead')
    model.head = torch.nn.Identity()
    with pytest.raises(TypeError, match='such as TSCAMHead, got Identity'):
        explain(model, PIPELINE, photo)
