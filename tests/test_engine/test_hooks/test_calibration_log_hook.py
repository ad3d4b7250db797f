# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

from projects.scm.engine import CalibrationLogHook
from projects.scm.models.calibration import SpatialCalibration


class Ones(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.ones(3, 2, 4)


class Model(BaseModel):
    """A calibration with something to learn from."""

    def __init__(self, calibrated=True):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        if calibrated:
            self.calibration = SpatialCalibration(iterations=(4, 4))

    def forward(self, inputs, mode='loss'):
        if not hasattr(self, 'calibration'):
            return {'loss': self.weight.sum()}
        blocks = self.calibration.blocks
        moved = blocks[0].lambda_ + 2 * blocks[1].beta
        return {'loss': (moved * self.weight.detach()).sum()}


def run(tmp_path, model, interval):
    runner = Runner(
        model=model,
        work_dir=str(tmp_path),
        train_dataloader={
            'dataset': Ones(),
            'batch_size': 1,
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        },
        train_cfg={'by_epoch': True, 'max_epochs': 1},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        default_hooks={
            'logger': {'type': 'LoggerHook', 'interval': 2},
            'checkpoint': None,
        },
        custom_hooks=[CalibrationLogHook(interval=interval)],
        default_scope='mmpretrain',
        experiment_name=tmp_path.name,
    )
    runner.train()
    (log,) = tmp_path.glob('*/vis_data/2*.json')
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_every_log_line_holds_lambda_and_beta(tmp_path):
    lines = run(tmp_path, Model(), interval=4)
    assert [line['step'] for line in lines] == [2, 4, 6, 8]
    # one step of SGD takes 0.1 off λ₀ and 0.2 off β₁; read every 4 steps
    for line, read_at in zip(lines, [0, 4, 4, 8], strict=True):
        assert line['calibration/lambda_0'] == pytest.approx(1 - 0.1 * read_at)
        assert line['calibration/beta_1'] == pytest.approx(0.5 - 0.2 * read_at)
        assert line['calibration/lambda_1'] == 1
        assert line['calibration/beta_0'] == 0.5


def without_blocks():
    model = Model(calibrated=False)
    model.calibration = SpatialCalibration(iterations=())
    model.forward = lambda *args, **kwargs: {'loss': model.weight.sum()}
    return model


@pytest.mark.parametrize(
    'make', [lambda: Model(calibrated=False), without_blocks]
)
def test_a_model_without_calibration_has_nothing_to_log(tmp_path, make):
    lines = run(tmp_path, make(), interval=1)
    assert len(lines) == 4
    assert not any('calibration' in key for line in lines for key in line)
