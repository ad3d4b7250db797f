# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Pseudo labels as COCO files, from hand-made predictions."""

import json

import numpy as np
import pytest
import torch
from mmpretrain.registry import METRICS
from pycocotools.coco import COCO

from projects.scm.evaluation.metrics import DumpPseudoLabels

PREFIX = '/data/images'


def make_sample(name='b/2.png', label=1, **changes):
    """An image of 80 x 40 pixels; the class it has is not the best one.

    Its maps, 4 x 4, are bright in one cell: that of class 0 at the top left,
    that of class 1 at the bottom right.
    """
    maps = torch.zeros(2, 4, 4)
    maps[0, 0, 0] = maps[1, 3, 3] = 1
    sample = {
        'img_path': f'{PREFIX}/{name}',
        'ori_shape': (40, 80),
        'img_shape': (4, 4),
        'gt_label': torch.tensor([label]),
        'pred_score': torch.tensor([0.75, 0.25]),
        'pred_label': torch.tensor([0]),
        'score_maps': maps,
        'score_map_labels': torch.tensor([0, 1]),
        'pred_instances': {
            'bboxes': torch.tensor([[0.0, 0, 20, 10], [10, 10, 70, 40]]),
            'scores': torch.tensor([0.25, 0.75]),
            'labels': torch.tensor([0, 0]),
        },
        'instances': [
            {'bbox': [1.5, 2.0, 90.25, 12.0], 'bbox_label': 1},
            {'bbox': [0, 0, 5, 5], 'bbox_label': 1, 'ignore_flag': 1},
        ],
    }
    sample.update(changes)
    return {key: v for key, v in sample.items() if v is not None}


def dump(tmp_path, samples, classes=('finch', 'gull'), **options):
    file = tmp_path / 'out' / 'labels.json'
    metric = METRICS.build(
        dict(
            type='DumpPseudoLabels',
            out_file=str(file),
            data_prefix=PREFIX,
            **options,
        )
    )
    metric.dataset_meta = {'classes': classes}
    for sample in samples:
        metric.process(None, [sample])
    return metric.evaluate(len(samples)), file


def boxes_of(file):
    content = json.loads(file.read_text())
    return [
        (a['image_id'], a['category_id'], a['bbox'], a['score'])
        for a in content['annotations']
    ]


def test_the_map_of_the_labelled_class_makes_the_box(tmp_path):
    figures, file = dump(tmp_path, [make_sample()])
    # One cell of the 4 x 4 frame is 20 x 10 pixels; it has probability 0.25.
    assert boxes_of(file) == [(1, 1, [60.0, 30.0, 20.0, 10.0], 0.25)]
    assert figures == {
        'pseudo/num_images': 1,
        'pseudo/num_boxes': 1,
        'pseudo/num_filtered': 0,
        'pseudo/num_images_without_boxes': 0,
    }


def test_the_boxes_of_the_head_come_best_first(tmp_path):
    _, file = dump(tmp_path, [make_sample()], boxes='predicted')
    assert boxes_of(file) == [
        (1, 1, [10.0, 10.0, 60.0, 30.0], 0.75),
        (1, 1, [0.0, 0.0, 20.0, 10.0], 0.25),
    ]


class OnDevice(torch.Tensor):
    """Does not turn into an array by itself, as on a GPU."""

    def __array__(self, *args, **kwargs):
        raise TypeError('copy the tensor to host memory first')

    def numpy(self):
        raise TypeError('copy the tensor to host memory first')

    def cpu(self):
        return self.as_subclass(torch.Tensor)


@pytest.mark.parametrize('boxes', ['gt_class', 'predicted', 'annotated'])
def test_results_may_lie_on_a_device(tmp_path, boxes):
    def move(value):
        if isinstance(value, dict):
            return {k: move(v) for k, v in value.items()}
        return (
            value.as_subclass(OnDevice)
            if isinstance(value, torch.Tensor)
            else value
        )

    samples = [make_sample()]
    _, file = dump(tmp_path, samples, boxes=boxes)
    expected = file.read_bytes()
    _, file = dump(tmp_path, [move(s) for s in samples], boxes=boxes)
    assert file.read_bytes() == expected


def test_annotated_boxes_are_written_as_they_are(tmp_path):
    _, file = dump(
        tmp_path,
        [make_sample()],
        boxes='annotated',
        class_agnostic=False,
    )
    annotations = json.loads(file.read_text())['annotations']
    # Beyond the image as well: an evaluation must not change ground truth.
    assert [a['bbox'] for a in annotations] == [
        [1.5, 2.0, 88.75, 10.0],
        [0.0, 0.0, 5.0, 5.0],
    ]
    assert [a['iscrowd'] for a in annotations] == [0, 1]
    assert [a['category_id'] for a in annotations] == [2, 2]


def test_filters_leave_images_in_the_file(tmp_path):
    options = dict(boxes='predicted', min_score=0.5)
    figures, file = dump(tmp_path, [make_sample()], **options)
    assert [b[3] for b in boxes_of(file)] == [0.75]
    assert figures['pseudo/num_filtered'] == 1

    # The two boxes cover 0.0625 and 0.5625 of the image; limits count in.
    options = dict(boxes='predicted', area_range=(0.0625, 0.5))
    figures, file = dump(tmp_path, [make_sample()], **options)
    assert [b[3] for b in boxes_of(file)] == [0.25]

    options = dict(boxes='predicted', area_range=(0.1, 0.5625))
    _, file = dump(tmp_path, [make_sample()], **options)
    assert [b[3] for b in boxes_of(file)] == [0.75]

    # So does the lowest score itself.
    for limit, kept in ((0.25, [0.25, 0.75]), (0.75, [0.75]), (0.751, [])):
        options = dict(boxes='predicted', min_score=limit)
        _, file = dump(tmp_path, [make_sample()], **options)
        assert sorted(b[3] for b in boxes_of(file)) == kept

    figures, file = dump(tmp_path, [make_sample()], min_score=0.3)
    assert figures == {
        'pseudo/num_images': 1,
        'pseudo/num_boxes': 0,
        'pseudo/num_filtered': 1,
        'pseudo/num_images_without_boxes': 1,
    }
    assert len(json.loads(file.read_text())['images']) == 1


def test_a_constant_map_has_no_box(tmp_path):
    maps = torch.zeros(2, 4, 4)
    figures, _ = dump(tmp_path, [make_sample(score_maps=maps)])
    assert figures['pseudo/num_images_without_boxes'] == 1
    assert figures['pseudo/num_filtered'] == 0


def test_the_file_does_not_depend_on_the_order(tmp_path):
    samples = [make_sample(n) for n in ('b/2.png', 'a/9.png', 'a/10.png')]
    _, file = dump(tmp_path, samples)
    content = file.read_bytes()
    # Padding of a distributed sampler repeats images.
    _, file = dump(tmp_path, [*samples[::-1], samples[0]])
    assert file.read_bytes() == content
    images = json.loads(content)['images']
    assert [(i['id'], i['file_name']) for i in images] == [
        (1, 'a/10.png'),
        (2, 'a/9.png'),
        (3, 'b/2.png'),
    ]
    assert (images[0]['width'], images[0]['height']) == (80, 40)


def test_pycocotools_reads_it(tmp_path):
    samples = [make_sample(), make_sample('c.png', label=0)]
    _, file = dump(tmp_path, samples, class_agnostic=False)
    coco = COCO(str(file))
    assert coco.getCatIds() == [1, 2]
    assert [c['name'] for c in coco.loadCats(coco.getCatIds())] == [
        'finch',
        'gull',
    ]
    (gull,) = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert gull['category_id'] == 2
    assert gull['area'] == 200.0
    (finch,) = coco.loadAnns(coco.getAnnIds(catIds=[1]))
    assert (finch['image_id'], finch['bbox'][:2]) == (2, [0.0, 0.0])


def test_relative_and_remote_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metric = DumpPseudoLabels('x.json', 'data')
    metric.process(None, [make_sample(img_path='data/a/1.png')])
    assert metric.results[0].file_name == 'a/1.png'
    metric = DumpPseudoLabels('x.json', 's3://bucket/images/')
    metric.process(None, [make_sample(img_path='s3://bucket/images/1.png')])
    assert metric.results[0].file_name == '1.png'


@pytest.mark.parametrize(
    ('changes', 'options', 'message'),
    [
        ({'pred_instances': None}, {'boxes': 'predicted'}, 'pred_instances'),
        ({'score_maps': None}, {}, 'score_maps'),
        ({'gt_label': None}, {}, 'gt_label'),
        ({'img_shape': None}, {}, 'img_shape'),
        ({'instances': None}, {'boxes': 'annotated'}, 'instances'),
        ({'gt_label': np.array([7])}, {}, 'no map of class 7'),
        ({'gt_label': np.array([0, 1])}, {}, 'expected one class'),
        ({'score_maps': torch.full((2, 4, 4), np.nan)}, {}, 'values are NaN'),
    ],
)
def test_an_image_that_cannot_be_used_is_named(
    tmp_path, changes, options, message
):
    with pytest.raises(ValueError, match=rf'b/2\.png.*{message}'):
        dump(tmp_path, [make_sample(**changes)], **options)


def test_an_image_elsewhere_is_refused(tmp_path):
    with pytest.raises(ValueError, match='not below data_prefix'):
        dump(tmp_path, [make_sample(img_path='/data/images2/1.png')])


def test_an_image_with_two_results_is_refused(tmp_path):
    samples = [make_sample(), make_sample(label=0)]
    with pytest.raises(ValueError, match='came twice'):
        dump(tmp_path, samples)


def test_classes_must_be_known(tmp_path):
    with pytest.raises(ValueError, match='names of the classes'):
        dump(tmp_path, [make_sample()], None, class_agnostic=False)
    with pytest.raises(ValueError, match='has 1 classes'):
        dump(tmp_path, [make_sample()], ('finch',), class_agnostic=False)


@pytest.mark.parametrize(
    'options',
    [
        dict(out_file='labels.txt'),
        dict(boxes='best'),
        dict(min_score=1.5),
        dict(area_range=(0.5, 0.2)),
        dict(boxes='annotated', min_score=0.1),
        dict(boxes='predicted', box_cfg=dict(threshold=0.2)),
    ],
)
def test_options_that_make_no_sense(options):
    with pytest.raises(ValueError, match=rf'^({"|".join(options)})'):
        DumpPseudoLabels(
            **{'out_file': 'x.json', 'data_prefix': PREFIX, **options}
        )
