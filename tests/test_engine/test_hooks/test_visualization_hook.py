# Copyright (c) SCM-WSOL contributors. All rights reserved.
import inspect
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer
from mmpretrain.registry import HOOKS
from mmpretrain.structures import DataSample
from PIL import Image

from projects.scm.engine import WSOLVisualizationHook
from projects.scm.visualization import WSOLVisualizer

RUNNER = SimpleNamespace(train_loop=None, iter=7, epoch=0)


@pytest.fixture(autouse=True)
def visualizer(tmp_path, request):
    return WSOLVisualizer.get_instance(
        f'{tmp_path}',
        panel_height=40,
        vis_backends=[{'type': 'LocalVisBackend'}],
        save_dir=str(tmp_path / 'work_dir'),
    )


def batch(folder, start, size, on_disk=True):
    """Model inputs and outputs; red pictures, named alike in two folders."""
    inputs = torch.zeros(size, 3, 8, 8, dtype=torch.uint8)
    inputs[:, 2] = 255  # BGR
    samples = []
    for index in range(start, start + size):
        sample = DataSample(metainfo={'ori_shape': (40, 60)})
        if on_disk:
            path = folder / f'class{index % 2}' / f'{index // 2}.png'
            path.parent.mkdir(exist_ok=True)
            red = np.zeros((40, 60, 3), np.uint8)
            red[..., 0] = 255
            Image.fromarray(red).save(path)
            sample.set_metainfo({'img_path': str(path)})
        sample.pred_instances = InstanceData(bboxes=torch.zeros(0, 4))
        samples.append(sample)
    return {'inputs': inputs}, samples


def names(folder):
    return sorted(path.name for path in folder.glob('*'))


def test_takes_what_the_test_tool_sets():
    taken = inspect.signature(WSOLVisualizationHook).parameters
    flags = {'enable', 'show', 'wait_time', 'out_dir', 'interval'}
    assert set(taken) == flags
    hook = HOOKS.build(
        {
            'type': 'mmpretrain.WSOLVisualizationHook',
            'enable': True,
            'show': False,
            'wait_time': 2.0,
            'out_dir': 'somewhere',
            'interval': 1,
        }
    )
    assert hook.wait_time == 2


@pytest.mark.parametrize(('mode', 'step'), [('test', 0), ('val', 7)])
def test_interval_counts_samples_over_uneven_batches(tmp_path, mode, step):
    out = tmp_path / 'pictures'
    hook = WSOLVisualizationHook(enable=True, interval=3, out_dir=str(out))
    for _ in range(2):  # a second run starts from the first sample again
        getattr(hook, f'before_{mode}_epoch')(RUNNER)
        for index, size in enumerate([4, 4, 2]):
            data = batch(tmp_path, 4 * index, size)
            getattr(hook, f'after_{mode}_iter')(RUNNER, index, *data)
    # samples 0, 3, 6, 9: parity is the folder, half is the name
    assert names(out) == [
        f'class0_0.png_{step}.png',
        f'class0_3.png_{step}.png',
        f'class1_1.png_{step}.png',
        f'class1_4.png_{step}.png',
    ]


def test_pictures_keep_their_colours_and_size(tmp_path):
    out = tmp_path / 'pictures'
    hook = WSOLVisualizationHook(enable=True, interval=1, out_dir=str(out))
    hook.after_test_iter(RUNNER, 0, *batch(tmp_path, 0, 1))
    hook.after_test_iter(RUNNER, 1, *batch(tmp_path, 1, 1, on_disk=False))
    for name, width in [('class0_0.png_0.png', 60), ('1_0.png', 40)]:
        drawn = np.array(Image.open(out / name))
        assert (drawn[8:48, 8 : 8 + width] == [255, 0, 0]).all()


def test_backends_get_the_step(tmp_path):
    hook = WSOLVisualizationHook(enable=True, interval=1)
    hook.before_val_epoch(RUNNER)
    hook.after_val_iter(RUNNER, 0, *batch(tmp_path, 0, 1))
    saved = tmp_path / 'work_dir' / 'vis_data' / 'vis_image'
    assert names(saved) == ['class0_0.png_7.png']


def test_draws_nothing_unless_enabled(tmp_path):
    out = tmp_path / 'pictures'
    hook = WSOLVisualizationHook(out_dir=str(out))
    hook.after_test_iter(RUNNER, 0, *batch(tmp_path, 0, 2))
    assert not out.exists()


def test_window_stays_as_long_as_asked(tmp_path, visualizer, monkeypatch):
    shown = []
    monkeypatch.setattr(
        visualizer, 'show', lambda *_, **kwargs: shown.append(kwargs)
    )
    hook = WSOLVisualizationHook(enable=True, show=True, wait_time=0.5)
    hook.after_test_iter(RUNNER, 0, *batch(tmp_path, 0, 2))
    assert shown == [{'win_name': 'class0_0.png', 'wait_time': 0.5}]


def test_another_visualizer_is_named(tmp_path):
    Visualizer.get_instance(f'{tmp_path}-other')
    hook = WSOLVisualizationHook(enable=True)
    hook._visualizer = Visualizer.get_instance(f'{tmp_path}-other')
    with pytest.raises(TypeError, match=r"'WSOLVisualizer'.*, got Vis"):
        hook.after_test_iter(RUNNER, 0, *batch(tmp_path, 0, 1))
