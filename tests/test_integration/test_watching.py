# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What a training writes: TensorBoard as the page shows it, and curves."""

import re

import cv2
import numpy as np
import pytest
from test_docs.pages import blocks, file_of, read_page

BASE = 'scm_deit-t-p8_tiny-cub-64px.py'
CHILD = 'configs/my_tensorboard.py'
ITERATIONS = 12  # of an epoch: 48 images, 4 a batch


@pytest.fixture(scope='module')
def run_folder(workshop):
    """Results of two validated epochs with the child config of the page."""
    pytest.importorskip('tensorboard')
    [block] = [
        block
        for block in blocks(read_page('docs/watching.md'), 'python')
        if file_of(block) == CHILD
    ]
    parent = workshop.config(
        'parent', BASE, "\ntrain_cfg['val_interval'] = 1\n"
    )
    text, bases = re.subn(
        "'scm_deit-s_cub.py'", lambda _: repr(str(parent)), block.text
    )
    text, intervals = re.subn(r'interval=\d+', 'interval=8', text)
    assert (bases, intervals) == (1, 1)
    config = workshop.folder / 'watched.py'
    config.write_text(text)
    work_dir = workshop.folder / 'watched'
    workshop.run('train.py', config, '--work-dir', work_dir)
    [data] = work_dir.glob('*/vis_data')
    return data


@pytest.fixture(scope='module')
def events(run_folder):
    from tensorboard.backend.event_processing import event_accumulator

    keep_all = {'images': 0, 'scalars': 0}
    events = event_accumulator.EventAccumulator(str(run_folder), keep_all)
    return events.Reload()


def values(events, tag):
    return {event.step: event.value for event in events.Scalars(tag)}


@pytest.mark.slow
def test_tensorboard_has_loss_lambda_and_beta_by_iteration(events):
    tags = [f'calibration/{n}_{i}' for n in ('lambda', 'beta') for i in '0123']
    for tag in ['loss', *tags]:
        assert sorted(values(events, tag)) == [
            *range(1, 2 * ITERATIONS + 1)
        ], tag
    assert values(events, 'calibration/lambda_0')[1] == 1
    beta = values(events, 'calibration/beta_3')
    assert beta[1] == 0.5 != beta[2 * ITERATIONS]
    assert set(values(events, 'epoch').values()) == {1, 2}


@pytest.mark.slow
def test_tensorboard_has_box_accuracy_by_epoch(events):
    for tag in (
        'wsol/wsoleval/max_box_acc',
        'wsol/wsoleval/max_box_acc_v2',
        'wsol/scm/top1_loc',
        'wsol/scm/top1_loc_threshold',
    ):
        found = values(events, tag)
        assert list(found) == [1, 2], tag
        assert all(0 <= value <= 100 for value in found.values())


@pytest.mark.slow
def test_tensorboard_has_the_same_pictures_in_every_epoch(events):
    # The validation set are images 49 to 65; their names have the folder.
    assert sorted(events.Tags()['images']) == [
        '001.color0_0057.png',
        '002.color1_0049.png',
        '003.color2_0065.png',
    ]
    for tag in events.Tags()['images']:
        first, second = events.Images(tag)
        assert (first.step, second.step) == (1, 2)
        data = np.frombuffer(second.encoded_image_string, np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
        # two panels beside each other, and their captions
        assert picture.shape[0] > 384
        assert picture.shape[1] > 2 * 384
        assert np.ptp(picture) == 255


@pytest.mark.slow
def test_curves_are_plotted_from_the_log(workshop, run_folder):
    [log] = run_folder.glob('2*.json')
    tool = 'analysis_tools/analyze_logs.py'
    keys = ['wsol/scm/top1_loc', 'wsol/scm/gt_known_acc']
    out = workshop.folder / 'boxes.png'
    workshop.run(tool, 'plot_curve', log, '--keys', *keys, '--out', out)
    drawn = cv2.imread(str(out))
    colours = np.unique(drawn.reshape(-1, 3), axis=0)
    assert len(colours) > 10
    output = workshop.run(tool, 'cal_train_time', log)
    assert 'average iter time' in output
    assert 'nan' not in output
