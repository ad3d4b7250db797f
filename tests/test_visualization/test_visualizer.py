# Copyright (c) SCM-WSOL contributors. All rights reserved.
import copy

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpretrain.registry import VISUALIZERS
from mmpretrain.structures import DataSample
from PIL import Image

from projects.scm.visualization import (
    GT_COLOR,
    PRED_COLOR,
    WSOLVisualizer,
    tile_panels,
)


@pytest.fixture
def sample():
    sample = DataSample(
        metainfo={
            'ori_shape': (80, 120),
            'instances': [{'bbox': [30, 20, 90, 60], 'bbox_label': 1}],
        }
    )
    sample.set_gt_label(1)
    sample.set_pred_label(2).set_pred_score([0.1, 0.2, 0.7])
    maps = torch.zeros(2, 4, 6)
    maps[0, 1, 1] = 1
    sample.set_field(maps, 'score_maps')
    sample.set_field(torch.tensor([2, 1]), 'score_map_labels')
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor([[60.0, 40.0, 110.0, 70.0]]),
        scores=torch.tensor([0.7]),
        labels=torch.tensor([2]),
    )
    return sample


def build(tmp_path, **kwargs):
    return WSOLVisualizer(
        vis_backends=[{'type': 'LocalVisBackend'}],
        save_dir=str(tmp_path),
        **kwargs,
    )


IMAGE = np.full((80, 120, 3), 200, np.uint8)


def outline(drawn, color):
    """First and last row and column of a colour: y0, x0, y1, x1."""
    found = np.argwhere((drawn == color).all(2))
    return (*found.min(0), *found.max(0))


def test_boxes_scale_with_the_panel(tmp_path, sample):
    visualizer = build(tmp_path, panel_height=160)
    for image in (IMAGE, np.full((40, 60, 3), 200, np.uint8)):
        drawn = visualizer.add_datasample('a', image, sample)
        panel = drawn[8:168, 8:248]
        y0, x0, y1, x1 = outline(panel, GT_COLOR)
        assert (
            np.abs(np.subtract((y0, x0, y1, x1), (40, 60, 120, 180))).max()
            <= 2
        )
        y0, x0, y1, x1 = outline(panel, PRED_COLOR)
        assert (
            np.abs(np.subtract((y0, x0, y1, x1), (80, 120, 140, 220))).max()
            <= 2
        )


def test_heat_map_is_that_of_the_predicted_class(tmp_path, sample):
    visualizer = build(tmp_path, panel_height=80, opacity=1)
    drawn = visualizer.add_datasample('a', IMAGE, sample, draw_gt=False)
    heat = drawn[8:88, 136:256].astype(int)
    # the map's peak is in its cell (1, 1) of 4x6
    assert heat[30, 30].sum() > 500
    assert heat[70, 20].sum() < 20
    sample.score_map_labels = torch.tensor([1, 0])
    with pytest.raises(ValueError, match=r'class 2, only of \[1, 0\]'):
        visualizer.add_datasample('a', IMAGE, sample)


def test_draw_flags(tmp_path, sample):
    visualizer = build(tmp_path)
    drawn = visualizer.add_datasample('a', IMAGE, sample, draw_pred=False)
    assert (drawn == GT_COLOR).all(2).any()
    assert not (drawn == PRED_COLOR).all(2).any()
    drawn = visualizer.add_datasample('a', IMAGE, sample, draw_gt=False)
    assert not (drawn == GT_COLOR).all(2).any()
    # no data sample at all: just the picture
    assert visualizer.add_datasample('a', IMAGE).shape[2] == 3


def test_nothing_given_is_changed(tmp_path, sample):
    before, image = copy.deepcopy(sample), IMAGE.copy()
    build(tmp_path).add_datasample('a', image, sample)
    assert (image == IMAGE).all()
    assert set(before.keys()) == set(sample.keys())
    assert before.instances == sample.instances
    assert torch.equal(before.score_maps, sample.score_maps)
    assert torch.equal(
        before.pred_instances.bboxes, sample.pred_instances.bboxes
    )


def test_out_file_or_backend(tmp_path, sample):
    visualizer = build(tmp_path)
    red = np.zeros_like(IMAGE)
    red[..., 0] = 255
    drawn = visualizer.add_datasample('bird', red, sample, step=3)
    saved = tmp_path / 'vis_data' / 'vis_image' / 'bird_3.png'
    assert (np.array(Image.open(saved)) == drawn).all()
    out = tmp_path / 'pictures' / 'bird.png'
    visualizer.add_datasample('other', red, sample, out_file=str(out))
    assert (np.array(Image.open(out)) == drawn).all()
    assert not list(saved.parent.glob('other*'))


def test_only_the_first_process_draws(tmp_path, sample, monkeypatch):
    visualizer = build(tmp_path)
    monkeypatch.setattr('mmengine.dist.utils.get_rank', lambda group=None: 1)
    assert visualizer.add_datasample('a', IMAGE, sample) is None
    assert not list(tmp_path.rglob('*.png'))


def test_class_names_are_used(tmp_path, sample, monkeypatch):
    visualizer = build(tmp_path)
    visualizer.dataset_meta = {'classes': ['wren', 'robin', 'crow']}
    captions = []

    def tile(panels, **options):
        captions.extend(panel.caption for panel in panels)
        return tile_panels(panels, **options)

    monkeypatch.setattr(
        'projects.scm.visualization.visualizer.tile_panels', tile
    )
    visualizer.add_datasample('a', IMAGE, sample)
    assert captions == [
        'ground truth: 1 (robin)\npredicted: 2 (crow), 0.70',
        'score map of the predicted class',
    ]


def test_built_from_a_config_by_name():
    name = 'test_built_from_a_config'
    visualizer = VISUALIZERS.build(
        {'type': 'mmpretrain.WSOLVisualizer', 'name': name}
    )
    assert visualizer.instance_name == name
    for field, value in {'opacity': 2, 'panel_height': 0}.items():
        with pytest.raises(ValueError, match=field):
            WSOLVisualizer(**{field: value})
    with pytest.raises(ValueError, match='uint8'):
        visualizer.add_datasample('a', IMAGE.astype(float))
