# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Train, interrupt, resume, distribute and test through the tools."""

import json
import pickle

import numpy as np
import pytest
import torch
from mmengine.config import Config

# A fixture of several programs, one after the other.
pytestmark = pytest.mark.timeout(1500)

BASE = 'scm_deit-t-p8_tiny-cub-64px.py'


@pytest.fixture(scope='module')
def trained(workshop):
    """The journey of a researcher."""
    config = workshop.config('scm', BASE)
    output = workshop.run(
        'journeys/researcher.sh', config, workshop.folder / 'scm'
    )
    (workshop.folder / 'scm.log').write_text(output)
    return config, workshop.folder / 'scm' / 'epoch_2.pth'


#: Parts of lines of the framework that say nothing a user could act upon.
USELESS = (
    'FileClient',
    'HardDiskBackend',
    'Loads checkpoint by',
    'MultiScaleDeformableAttention',
    'OneDL',
    'cannot work without CUDA',
    'pin_memory',
    'prefix is not set',
)


@pytest.mark.long
@pytest.mark.slow
def test_a_researcher_ends_with_figures_to_report(workshop, trained):
    folder = workshop.folder / 'scm'
    figures = json.loads((folder / 'figures.json').read_text())
    assert 0 <= figures['wsol/scm/top1_loc'] <= 100
    labels = json.loads((folder / 'labels.json').read_text())
    assert figures['wsol/scm/top1_loc_threshold'] == labels['threshold']
    page = (folder / 'report.html').read_text()
    assert f'{figures["wsol/scm/gt_known_acc"]:.1f}' in page


@pytest.mark.slow
def test_lines_of_no_use_are_not_printed(workshop, trained):
    output = (workshop.folder / 'scm.log').read_text()
    lines = output.splitlines()
    # the config, which is printed whole, names an option so
    said = [x for x in lines if not x.strip().startswith('pin_memory=')]
    assert [x for x in said if any(part in x for part in USELESS)] == []
    # What comes before the first step tells what runs, on what, and where.
    first = next(i for i, x in enumerate(lines) if ' Epoch(train) ' in x)
    told = (
        *('environment, config', 'on the CPU, 1 thread ('),
        *(' set: ', 'Checkpoints will'),
    )
    before = [x for x in lines[:first] if x and x != '== train.py']
    assert [x for x in before if not any(t in x for t in told)] == []
    steps = [x for x in lines if ' Epoch(train) ' in x]
    assert all(x.split(']  ')[1].startswith('loss: ') for x in steps)
    assert not any('wsol/' in x for x in lines if ' Epoch(' in x)


def state(path):
    return torch.load(path, weights_only=False)['state_dict']


def localization(metrics):
    return {k: v for k, v in metrics.items() if k.startswith('wsol/')}


@pytest.mark.slow
def test_a_resumed_training_equals_an_uninterrupted_one(workshop, trained):
    config, _ = trained
    killed, whole = workshop.folder / 'killed', workshop.folder / 'whole'
    workshop.kill_in_epoch(2, 'train.py', config, '--work-dir', killed)
    assert (killed / 'epoch_1.pth').is_file()
    assert not (killed / 'epoch_2.pth').exists()

    workshop.run('train.py', config, '--work-dir', killed, '--resume')
    workshop.run(
        'train.py',
        config,
        '--work-dir',
        whole,
        '--resume',
        killed / 'epoch_1.pth',
    )

    resumed, expected = (
        state(folder / 'epoch_2.pth') for folder in (killed, whole)
    )
    for name, value in expected.items():
        assert torch.equal(resumed[name], value), name
    assert workshop.metrics(config, killed / 'epoch_2.pth') == (
        workshop.metrics(config, whole / 'epoch_2.pth')
    )


@pytest.mark.slow
def test_two_processes_test_as_one(workshop, trained):
    """17 images: the last batch of one of the processes is padded."""
    config, checkpoint = trained
    alone = localization(workshop.metrics(config, checkpoint))
    together = localization(workshop.metrics(config, checkpoint, gpus=2))
    assert alone.keys() == together.keys()
    assert any('top1_loc' in key for key in alone)
    for key, value in alone.items():
        np.testing.assert_allclose(together[key], value, err_msg=key)


@pytest.mark.slow
def test_two_processes_train_as_one(workshop):
    """Half the batch each gives the gradient of the whole batch.

    TS-CAM, as min-max and Newton-Schulz of random weights amplify rounding.
    """
    base = BASE.replace('scm_', 'tscam_')
    extra = (
        '\ntrain_dataloader.update(sampler=dict(shuffle=False))\n'
        "train_dataloader['dataset'].update(pipeline=[\n"
        '    *_base_.load_and_resize[:2], *_base_.load_and_resize[3:],\n'
        "    dict(type='PackWSOLInputs')])\n"
        "model['backbone'].update(drop_path_rate=0.)\n"
        "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1, "
        '_delete_=True, weight_decay=0.))\n'
    )
    one = workshop.config('one', base, extra)
    two = workshop.config(
        'two', base, extra + 'train_dataloader.update(batch_size=2)\n'
    )
    alone, together = workshop.folder / 'one', workshop.folder / 'two'
    workshop.run('train.py', one, '--work-dir', alone)
    workshop.run('dist_train.sh', two, 2, '--work-dir', together)

    start = state(alone / 'epoch_2.pth')
    for name, value in state(together / 'epoch_2.pth').items():
        torch.testing.assert_close(
            value, start[name], rtol=1e-3, atol=1e-5, msg=name
        )


@pytest.mark.slow
def test_predictions_and_flip_augmentation(workshop, trained):
    config, checkpoint = trained
    out = workshop.folder / 'scm' / 'predictions.pkl'
    samples = pickle.loads(out.read_bytes())
    assert len(samples) == 17
    for sample in samples:
        assert sample['score_maps'].shape == (3, 8, 8)
        boxes = sample['pred_instances']['bboxes']
        assert (boxes >= 0).all()
        assert (boxes <= boxes.new_tensor([100, 80, 100, 80])).all()
    plain = localization(workshop.metrics(config, checkpoint))
    flipped = localization(workshop.metrics(config, checkpoint, '--tta'))
    assert plain.keys() == flipped.keys()
    # Un-flipped maps: boxes stay where the objects are.
    key = 'wsol/wsoleval/max_box_acc'
    assert abs(plain[key] - flipped[key]) < 25


@pytest.mark.slow
def test_a_short_child_config_swaps_the_backbone(workshop, repo):
    text = (
        f'_base_ = {str(workshop.config("parent", BASE))!r}\n'
        'model = dict(\n'
        '    backbone=dict(\n'
        "        type='TSCAMDeiT3',\n"
        '        arch=dict(embed_dims=24, num_layers=2, num_heads=2,\n'
        '                  feedforward_channels=48)),\n'
        '    head=dict(in_channels=24))\n'
    )
    assert len(text.splitlines()) <= 15
    config = workshop.folder / 'deit3.py'
    config.write_text(text)
    workshop.run('train.py', config, '--work-dir', workshop.folder / 'deit3')
    (log,) = (workshop.folder / 'deit3').glob('*/vis_data/scalars.json')
    assert 'wsol/scm/top1_loc' in log.read_text()
    dumped = Config.fromfile(workshop.folder / 'deit3' / 'deit3.py')
    assert dumped.model.backbone.type == 'TSCAMDeiT3'
