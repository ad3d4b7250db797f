# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmpretrain.registry import TRANSFORMS
from mmpretrain.structures import DataSample

from projects.scm.datasets import PackWSOLInputs

INSTANCES = [{'bbox': [1.5, 2.0, 9.0, 8.0], 'bbox_label': 3, 'ignore_flag': 0}]


@pytest.fixture
def results():
    return {
        'img': np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3),
        'img_path': 'a.jpg',
        'sample_idx': 7,
        'ori_shape': (12, 16),
        'img_shape': (6, 8, 3),
        'scale_factor': (0.5, 0.5),
        'flip': True,
        'flip_direction': 'horizontal',
        'gt_label': 3,
        'instances': INSTANCES,
        'gt_bboxes': np.array([[0.75, 1.0, 4.5, 4.0]]),
        'gt_bboxes_labels': np.array([3]),
        'scale': (8, 6),
    }


def test_packing(results):
    packed = TRANSFORMS.build({'type': 'PackWSOLInputs'})(results)
    assert set(packed) == {'inputs', 'data_samples'}
    assert packed['inputs'].dtype == torch.uint8
    np.testing.assert_array_equal(
        packed['inputs'].numpy(), results['img'].transpose(2, 0, 1)
    )
    sample = packed['data_samples']
    assert isinstance(sample, DataSample)
    assert sample.metainfo == {
        'img_path': 'a.jpg',
        'sample_idx': 7,
        'ori_shape': (12, 16),
        'img_shape': (6, 8),
        'scale_factor': (0.5, 0.5),
        'flip': True,
        'flip_direction': 'horizontal',
        'instances': INSTANCES,
        'num_cut_boxes': 0,
        'num_moved_boxes': 0,
    }
    assert sample.gt_label.tolist() == [3]
    assert sample.gt_instances.bboxes.dtype == torch.float32
    assert sample.gt_instances.bboxes.tolist() == [[0.75, 1.0, 4.5, 4.0]]
    assert sample.gt_instances.labels.dtype == torch.int64
    assert sample.gt_instances.labels.tolist() == [3]
    # What the evaluator receives.
    plain = sample.to_dict()
    assert plain['instances'] == INSTANCES
    assert plain['gt_instances']['bboxes'].shape == (1, 4)
    # The results of the pipeline are left alone.
    assert results['img_shape'] == (6, 8, 3)


def test_labels_of_boxes_default_to_the_image(results):
    del results['gt_bboxes_labels']
    results['gt_bboxes'] = np.zeros((2, 4), np.float32)
    sample = PackWSOLInputs()(results)['data_samples']
    assert sample.gt_instances.labels.tolist() == [3, 3]


def test_no_boxes(results):
    for key in ('gt_bboxes', 'gt_bboxes_labels', 'instances'):
        del results[key]
    sample = PackWSOLInputs()(results)['data_samples']
    assert 'gt_instances' not in sample
    assert 'instances' not in sample
    results['gt_bboxes'] = np.zeros((0, 4))
    sample = PackWSOLInputs()(results)['data_samples']
    assert sample.gt_instances.bboxes.shape == (0, 4)
    assert sample.gt_instances.labels.shape == (0,)


def test_an_image_alone(results):
    sample = PackWSOLInputs()({'img': results['img']})['data_samples']
    assert sample.metainfo == {'scale_factor': (1.0, 1.0)}  # nothing resized


def test_options(results):
    pack = PackWSOLInputs(algorithm_keys=('scale',), meta_keys=('flip',))
    sample = pack(results)['data_samples']
    assert sample.scale == (8, 6)
    assert sample.metainfo == {'flip': True}
    assert 'PackWSOLInputs' in repr(pack)
