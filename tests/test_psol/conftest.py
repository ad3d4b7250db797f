# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A drawn set, a tiny classifier's results on it, and configs for both."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from mmpretrain.registry import MODELS
from test_integration.conftest import draw_cub

from projects.scm.apis.pseudo_labels import write_pseudo_labels

REPO = Path(__file__).resolve().parents[2]
CLASSES = ('red', 'green', 'blue')
ARCH = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)


@contextmanager
def restored_scope():
    """Runners and inferencers leave their registry scope behind."""
    saved = dict(DefaultScope._instance_dict)
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(saved)


@pytest.fixture(autouse=True)
def keep_scope():
    # mmdet's all have one name: a runner would be given that of an earlier
    # test, and its hooks the one that was made last, by any test.
    Visualizer._instance_dict.clear()
    with restored_scope():
        yield


class Chain:
    """From a classifier to a detector on a drawn set, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / 'cub'
        draw_cub(self.data, train=12, test=5)
        self.checkpoint = folder / 'classifier.pth'

    def config(self, name: str, **changes) -> Config:
        """A config, of configs/psol too, with other paths."""
        (file,) = (REPO / 'configs').rglob(f'{name}.py')
        cfg = Config.fromfile(file)
        cfg.work_dir = str(self.folder / name)
        for step in ('train', 'val', 'test'):
            loader = cfg.get(f'{step}_dataloader')
            if loader is None:
                continue
            loader.update(
                batch_size=4, num_workers=0, persistent_workers=False
            )
            prefix = loader.dataset.get('data_prefix')
            if prefix is None:
                loader.dataset.data_root = str(self.data)
            else:
                prefix.img = str(self.data / 'images')
        cfg.merge_from_dict(
            {key.replace('__', '.'): value for key, value in changes.items()}
        )
        return cfg

    @staticmethod
    def shrink(model: dict) -> None:
        """Make a ViT tiny, with random weights."""
        model.backbone.update(arch=ARCH, init_cfg=None)
        model.head.update(in_channels=32, num_classes=len(CLASSES))

    def make_checkpoint(self, cfg: Config) -> None:
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            model = MODELS.build(cfg.model)
        torch.nn.init.normal_(model.head.semantic.weight)
        torch.save(
            {
                'state_dict': model.state_dict(),
                'meta': {'dataset_meta': {'classes': CLASSES}},
            },
            self.checkpoint,
        )

    def test(self, cfg: Config, checkpoint: Path | None = None) -> dict:
        """Metrics of a test run in this process."""
        cfg.load_from = str(checkpoint or self.checkpoint)
        return Runner.from_cfg(cfg).test()

    def run_tool(self, name: str, *args: object) -> str:
        """Run a tool to its end, in a process of its own."""
        env = dict(
            os.environ,
            PYTHON=sys.executable,
            OMP_NUM_THREADS='1',
            CUDA_VISIBLE_DEVICES='',
        )
        program = 'bash' if name.endswith('.sh') else sys.executable
        done = subprocess.run(
            [program, str(REPO / 'tools' / name), *map(str, args)],
            cwd=self.folder,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout


@pytest.fixture(scope='module')
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """The first step is done: labels, ground truth, classes."""
    chain = Chain(tmp_path_factory.mktemp('psol'))
    with restored_scope():
        run_classifier(chain)
    return chain


def run_classifier(chain: Chain) -> None:
    cfg = chain.config('scm_deit-s_cub')
    chain.shrink(cfg.model)
    chain.make_checkpoint(cfg)
    chain.classifier = chain.folder / 'classifier.py'
    cfg.dump(chain.classifier)
    chain.labels = chain.folder / 'labels'
    chain.figures = write_pseudo_labels(cfg, chain.checkpoint, chain.labels)
    chain.files = {
        step: str(chain.labels / f'{step}.json') for step in ('train', 'test')
    }
    chain.results = chain.labels / 'test.pkl'
