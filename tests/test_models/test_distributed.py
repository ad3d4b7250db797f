# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Two processes on gloo do what one does with the whole batch."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import DefaultSampler
from mmengine.registry import RUNNERS
from mmpretrain.registry import DATASETS, MODELS
from mmpretrain.structures import DataSample
from test_models.two_processes import WORLD_SIZE, run_in_two_processes
from torch.utils.data import Dataset

import projects.scm.register  # noqa: F401

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
TINY_ARCH = dict(
    embed_dims=32, num_layers=3, num_heads=2, feedforward_channels=64
)
HEADS = ('TSCAMHead', 'SCMHead')


@DATASETS.register_module()
class FourNoiseImages(Dataset):
    """Noise, the same in every process."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        image = torch.randint(256, (3, 64, 64), generator=generator)
        sample = DataSample().set_gt_label(2 * index)
        return dict(inputs=image.byte(), data_samples=sample)


def model_config(head):
    return dict(
        type='ImageClassifier',
        backbone=dict(type='TSCAMViT', arch=TINY_ARCH, img_size=64),
        head=dict(type=head, in_channels=32, num_classes=7),
    )


def gradients(model, which):
    items = [FourNoiseImages()[index] for index in which]
    images = torch.stack([item['inputs'] for item in items]) / 128 - 1
    samples = [item['data_samples'] for item in items]
    model(images, samples, mode='loss')['loss'].backward()


def save_gradients(rank, head, file):
    torch.manual_seed(0)
    model = MODELS.build(model_config(head))
    wrapped = torch.nn.parallel.DistributedDataParallel(model)
    gradients(wrapped, range(rank, 4, WORLD_SIZE))
    if rank == 0:
        grads = {name: p.grad for name, p in model.named_parameters()}
        torch.save(grads, file)


@pytest.mark.slow
@pytest.mark.parametrize('head', HEADS)
def test_distributed_data_parallel(head, tmp_path) -> None:
    # Every parameter has its gradient, or the wrapper would wait for it.
    run_in_two_processes(save_gradients, head, tmp_path / 'grads.pth')
    found = torch.load(tmp_path / 'grads.pth')
    torch.manual_seed(0)
    model = MODELS.build(model_config(head))
    gradients(model, range(4))
    for name, parameter in model.named_parameters():
        true = parameter.grad
        assert (found[name] - true).norm() <= 1e-4 * true.norm(), name


def tiny_config(name, work_dir):
    """A config of this project, on a model and data that a CPU can do."""
    cfg = Config.fromfile(CONFIGS / name)
    backbone = cfg.model.backbone
    backbone.update(arch=TINY_ARCH, img_size=64, patch_size=16)
    backbone.update(drop_path_rate=0.0)
    backbone.pop('init_cfg')
    cfg.model.head.update(in_channels=32, num_classes=7)
    cfg.data_preprocessor.update(num_classes=7)
    cfg.train_dataloader = dict(
        dataset=dict(type='FourNoiseImages'),
        sampler=dict(type=DefaultSampler, shuffle=False),
        batch_size=2,
        num_workers=0,
        collate_fn=dict(type='default_collate'),
    )
    for split in ('val', 'test'):
        for part in ('dataloader', 'cfg', 'evaluator'):
            cfg[f'{split}_{part}'] = None
    cfg.train_cfg = dict(by_epoch=True, max_epochs=2)
    # Automatic mixed precision of MMEngine is for accelerators.
    cfg.optim_wrapper.pop('dtype', None)
    cfg.optim_wrapper.update(type='OptimWrapper')
    # Adam makes steps out of rounding where a gradient is 0 (bias of keys).
    cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.1, weight_decay=0.05)
    cfg.work_dir = str(work_dir)
    cfg.log_level = 'ERROR'
    return cfg


def decays(optim_wrapper):
    """Weight decay of every group; there is one a parameter."""
    return [group['weight_decay'] for group in optim_wrapper.param_groups]


def sharded_config(name, work_dir):
    cfg = tiny_config(name, work_dir)
    cfg.launcher = 'pytorch'
    wrapper = cfg.strategy.model_wrapper
    wrapper.update(device_id='cpu')
    wrapper.auto_wrap_policy.min_num_params = 8_000  # a layer has 8,576
    # On a CPU there is nothing to offload to; FSDP would free what it saves.
    cfg.strategy.state_dict_cfg = dict(
        state_dict_type='FULL_STATE_DICT',
        state_dict_config=dict(type='FullStateDictConfig'),
        optim_state_dict_config=dict(type='FullOptimStateDictConfig'),
    )
    return cfg


def train_sharded(rank, name, work_dir):
    runner = RUNNERS.build(sharded_config(name, work_dir))
    runner.train()
    units = [
        module
        for module in runner.model.modules()
        if isinstance(module, torch.distributed.fsdp.FullyShardedDataParallel)
    ]
    if rank == 0:
        kinds = dict(units=len(units), decays=decays(runner.optim_wrapper))
        torch.save(kinds, Path(work_dir, 'kinds.pth'))


def start_sharded_from(rank, file, work_dir, message):
    cfg = sharded_config('scm_vit-l_in1k_fsdp.py', work_dir)
    cfg.load_from = str(file)
    cfg.train_cfg.max_epochs = 1
    runner = RUNNERS.build(cfg)
    if message is None:
        runner.train()
    else:
        with pytest.raises(ValueError, match=message):
            runner.train()


@pytest.mark.long
def test_sharded_models_refuse_weights_that_do_not_fit(tmp_path) -> None:
    cfg = tiny_config('scm_vit-l_in1k_fsdp.py', tmp_path)
    weights = MODELS.build(cfg.model).state_dict()
    del weights['head.semantic.weight']  # of other classes: may be absent
    file = tmp_path / 'given.pth'
    torch.save({'state_dict': weights}, file)
    run_in_two_processes(start_sharded_from, file, tmp_path / 'fits', None)
    assert (tmp_path / 'fits' / 'epoch_1.pth').is_file()
    weights.pop('backbone.layers.1.ln1.weight')
    torch.save({'state_dict': weights}, file)
    message = r'given\.pth: .*missing: backbone\.layers\.1\.ln1\.weight'
    run_in_two_processes(start_sharded_from, file, tmp_path / 'not', message)
    assert not list((tmp_path / 'not').glob('*.pth'))


@pytest.mark.slow
@pytest.mark.parametrize(
    'name', ['scm_vit-l_in1k_fsdp.py', 'scm_vit-h_in1k_fsdp.py']
)
def test_fully_sharded_configs(name, tmp_path) -> None:
    run_in_two_processes(train_sharded, name, tmp_path / 'sharded')
    kinds = torch.load(tmp_path / 'sharded' / 'kinds.pth')
    assert kinds['units'] > 1  # layers are sharded each by itself

    # The same by one process, with batches of both and the plain decay rule.
    cfg = tiny_config(name, tmp_path / 'whole')
    cfg.train_dataloader.batch_size = 4
    cfg.optim_wrapper.paramwise_cfg.flat_decay_mult = 0.0
    cfg.pop('strategy')
    cfg.runner_type = 'WSOLRunner'
    runner = RUNNERS.build(cfg)
    runner.train()
    assert kinds['decays'] == decays(runner.optim_wrapper)

    file = 'epoch_2.pth'
    found = torch.load(tmp_path / 'sharded' / file, weights_only=False)
    expected = torch.load(tmp_path / 'whole' / file, weights_only=False)
    assert found['state_dict'].keys() == expected['state_dict'].keys()
    for key, value in expected['state_dict'].items():
        torch.testing.assert_close(
            found['state_dict'][key], value, rtol=1e-3, atol=1e-4
        )
