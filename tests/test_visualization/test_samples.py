# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpretrain.structures import DataSample
from PIL import Image

from projects.scm.visualization import GT_COLOR, input_to_rgb, sample_panels


def make_sample(tmp_path, boxes=True):
    path = tmp_path / 'picture.png'
    Image.new('RGB', (80, 40), (255, 0, 0)).save(path)
    inputs = torch.zeros(3, 64, 64, dtype=torch.uint8)
    inputs[2] = 255
    sample = DataSample(
        metainfo={
            'img_path': str(path),
            'ori_shape': (40, 80),
            'instances': [{'bbox': [20, 10, 60, 30]}] if boxes else [],
        }
    ).set_gt_label(1)
    if boxes:
        bboxes = torch.tensor([[16.0, 16.0, 48.0, 48.0]])
        sample.gt_instances = InstanceData(bboxes=bboxes)
    return {'inputs': inputs, 'data_samples': sample}


def test_boxes_before_and_after_the_pipeline(tmp_path):
    before, after = sample_panels(
        make_sample(tmp_path), ['wren', 'crow'], height=160
    )
    assert before.caption == 'class 1 (crow)\n80×40, 1 box'
    assert after.caption == 'after the pipeline\n64×64, 1 box'
    expected = [(before, (40, 80, 120, 240)), (after, (40, 40, 120, 120))]
    for panel, box in expected:
        assert panel.image.shape[0] == 160
        assert tuple(panel.image[5, 5]) == (255, 0, 0)
        found = np.argwhere((panel.image == GT_COLOR).all(2))
        corners = (*found.min(0), *found.max(0))
        assert np.abs(np.subtract(corners, box)).max() <= 2


def test_no_boxes_are_told(tmp_path):
    before, after = sample_panels(make_sample(tmp_path, boxes=False))
    assert before.caption == 'class 1\n80×40, 0 boxes'
    assert after.caption.endswith('0 boxes')


def test_inputs_are_bgr():
    inputs = torch.arange(12, dtype=torch.uint8).view(3, 2, 2)
    assert input_to_rgb(inputs)[0, 1].tolist() == [9, 5, 1]
