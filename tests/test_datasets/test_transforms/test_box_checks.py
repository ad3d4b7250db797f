# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpretrain.registry import TRANSFORMS
from PIL import Image

from projects.scm.datasets.transforms import (
    check_box_transforms,
    check_test_transforms,
)
from projects.scm.datasets.transforms.box_checks import fit_annotation

LOAD_BOXES = {'type': 'LoadAnnotations', 'with_label': False}


def build(*steps):
    init_default_scope('mmpretrain')
    return [TRANSFORMS.build(dict(step)) for step in steps]


REFUSED = [
    {'type': 'RandomCrop', 'crop_size': 8},
    {'type': 'RandomResizedCrop', 'scale': 8},
    {'type': 'ResizeEdge', 'scale': 8},
    {'type': 'EfficientNetRandomCrop', 'scale': 8},
    {'type': 'EfficientNetCenterCrop', 'crop_size': 8},
    {'type': 'Rotate', 'angle': 30.0},
    {
        'type': 'RandAugment',
        'policies': 'timm_increasing',
        'num_policies': 2,
        'magnitude_level': 9,
    },
    {'type': 'AutoAugment', 'policies': 'imagenet'},
    {
        'type': 'RandomApply',
        'prob': 0.5,
        'transforms': [{'type': 'RandomCrop', 'crop_size': 8}],
    },
    {
        'type': 'RandomChoice',
        'transforms': [
            [{'type': 'RandomCrop', 'crop_size': 8}],
            [{'type': 'ResizeEdge', 'scale': 8}],
        ],
    },
]
ACCEPTED = [
    {'type': 'Resize', 'scale': (8, 8)},
    {'type': 'CenterCrop', 'crop_size': 8},
    {'type': 'RandomFlip', 'prob': 0.5},
    {'type': 'ColorJitter', 'brightness': 0.1},
    {
        'type': 'TestTimeAug',
        'transforms': [
            [{'type': 'RandomFlip', 'prob': 1.0}],
            [{'type': 'PackWSOLInputs'}],
        ],
    },
]


@pytest.mark.parametrize('step', REFUSED, ids=lambda step: step['type'])
def test_refused(step):
    with pytest.raises(ValueError, match='moves the image but not its boxes'):
        check_box_transforms(build(LOAD_BOXES, step), with_boxes=True)
    # Without boxes, or before they are loaded, anything goes.
    check_box_transforms(build(step), with_boxes=True)
    if step['type'] == 'ResizeEdge':  # keeps the picture whole, and tells
        check_test_transforms(build(step))
        return
    with pytest.raises(ValueError, match='in the test pipeline moves pixels'):
        check_test_transforms(build(step))


@pytest.mark.parametrize('step', ACCEPTED, ids=lambda step: step['type'])
def test_accepted(step):
    check_box_transforms(build(LOAD_BOXES, step), with_boxes=True)
    check_test_transforms(build(step))


def test_a_crop_alone_is_told_by_any_packing(tmp_path):
    path = tmp_path / 'a.png'
    Image.new('RGB', (12, 10)).save(path)
    for pack in ('PackInputs', 'PackWSOLInputs'):
        steps = [{'type': 'Load8BitImage'}, ACCEPTED[1], {'type': pack}]
        packed = Compose(build(*steps))({'img_path': str(path)})
        assert packed['data_samples'].scale_factor == (1.0, 1.0)


def test_boxes_that_are_not_there():
    with pytest.raises(ValueError, match='the dataset has with_boxes=False'):
        check_box_transforms(build(LOAD_BOXES), with_boxes=False)
    no_boxes = {'type': 'LoadAnnotations', 'with_bbox': False}
    check_box_transforms(build(no_boxes), with_boxes=False)


@pytest.mark.parametrize('step', ACCEPTED[:3], ids=lambda step: step['type'])
def test_accepted_transforms_move_boxes_with_pixels(step):
    """A white rectangle and its box stay together."""
    step = {**step, 'prob': 1.0} if 'prob' in step else step
    image = np.zeros((16, 16, 3), np.uint8)
    image[6:10, 4:8] = 255
    results = {
        'img': image,
        'img_shape': (16, 16),
        'instances': [{'bbox': [4.0, 6.0, 8.0, 10.0]}],
    }
    results = Compose(build(LOAD_BOXES, step))(results)
    ys, xs = np.nonzero(results['img'][..., 0] > 127)
    found = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    np.testing.assert_allclose(results['gt_bboxes'], [found])


def annotated(*boxes, **more):
    instances = [{'bbox': list(box), 'ignore_flag': 0} for box in boxes]
    return {'ori_shape': (30, 40), 'instances': instances, **more}


def fitted(results):
    return [item['bbox'] for item in fit_annotation(results)['instances']]


def test_annotations_that_fit():
    assert fit_annotation({}) == {}
    assert fit_annotation({'ori_shape': (30, 40)}) == {'ori_shape': (30, 40)}
    assert fit_annotation(annotated()) == annotated()
    assert fitted(annotated((0, 0, 40, 30))) == [[0, 0, 40, 30]]
    assert fitted(annotated((1, 2, 3, 4), width=40, height=30)) == [
        [1, 2, 3, 4]
    ]


def test_boxes_over_the_edge_are_cut_and_counted():
    results = annotated((0, 0, 41, 31), (-2, 2, 3, 4), (1, 2, 40, 30))
    kept = [dict(item) for item in results['instances']]
    found = fit_annotation(results)
    assert found['num_cut_boxes'] == 2
    assert fitted(results) == [[0, 0, 40, 30], [0, 2, 3, 4], [1, 2, 40, 30]]
    assert results['instances'] == kept  # the input is left alone
    # CUB: at most the last pixel; ending there is not leaving the image.
    found = fit_annotation({**results, 'boxes_end': 'last_pixel'})
    assert found['num_cut_boxes'] == 2
    assert [item['bbox'] for item in found['instances']] == [
        [0, 0, 39, 29],
        [0, 2, 3, 4],
        [1, 2, 39, 29],
    ]


def test_boxes_of_the_image_at_another_size_are_scaled_once():
    results = annotated((2, 3, 10, 16), width=20, height=15)
    found = fit_annotation(results)
    assert [item['bbox'] for item in found['instances']] == [[4, 6, 20, 30]]
    assert found['num_moved_boxes'] == 1
    assert found['num_cut_boxes'] == 1  # 16 of 15
    assert fit_annotation(found) == found
    results = annotated((2, 3, 10, 15), (1, 2, 3, 4), width=20, height=15)
    assert fit_annotation(results)['num_moved_boxes'] == 2


def test_boxes_of_the_turned_image_are_turned_back(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    file = tmp_path / 'a.jpg'
    Image.new('RGB', (40, 30)).save(file, exif=exif)
    results = annotated(
        (0, 0, 30, 20), width=30, height=40, img_path=str(file)
    )
    assert fitted(results) == [[0, 0, 20, 30]]
    assert fit_annotation(results)['num_moved_boxes'] == 1


def test_ignored_boxes_stay():
    results = annotated((1, 2, 300, 4), (1, 2, 3, 4))
    results['instances'][0]['ignore_flag'] = 1
    found = fit_annotation(results)
    assert found['instances'] == results['instances']
    assert found['num_cut_boxes'] == 0


@pytest.mark.parametrize(
    ('results', 'message'),
    [
        (
            annotated((1, 2, 3, 4), (40, 2, 42, 4)),
            r'box 1 \[40.0, 2.0, 42.0, 4.0\] lies outside its image of 40x30 '
            'pixels',
        ),
        (annotated((1, 30, 3, 32)), 'lies outside its image of 40x30 pixels'),
        (annotated((1, 2, 3, float('nan'))), 'is not finite'),
        (
            annotated((1, 2, 3, 4), width=30, height=40),
            '40x30 pixels, but its boxes were annotated in 30x40 pixels',
        ),
    ],
)
def test_annotations_of_another_image(results, message):
    with pytest.raises(ValueError, match=message):
        fit_annotation(results)
