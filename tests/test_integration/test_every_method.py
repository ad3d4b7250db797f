# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Every method's config through the tools as SCM's, its model made small.

The tools run in this process. What is not trained is tested with a checkpoint
of the method that shares its weights.
"""

import json
import pickle
import shutil
import sys
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from test_integration.conftest import draw_cub

from projects.scm.apis.upstream_tools import run_upstream_tool
from projects.scm.cli.main import run_command
from projects.scm.comparison.running import write_child_config
from projects.scm.reporting import build_report

TRAIN, TEST = 3, 2
VIT = dict(
    _delete_=True,
    embed_dims=16,
    num_layers=2,
    num_heads=2,
    feedforward_channels=32,
)
TINY_VIT = dict(backbone=dict(arch=VIT), head=dict(in_channels=16))
TINY_CNN = dict(
    backbone=dict(depth=18, stem_channels=8, base_channels=8),
    head=dict(in_channels=64),
)
TINY_TIMM = dict(
    backbone=dict(embed_dim=16, depth=2, num_heads=2),
    head=dict(in_channels=16),
)


@dataclass
class Case:
    """A config, how its model is made small, and what it needs."""

    config: str
    small: dict
    weights: str | None = None
    needs: str | None = None
    grid: tuple[int, int] = (14, 14)


CASES = {
    'scm': Case('scm_deit-s_cub', TINY_VIT),
    'tscam': Case('tscam_deit-s_cub', TINY_VIT),
    'scm_plus': Case(
        'scm_plus_deit-s_cub',
        dict(backbone=dict(arch=VIT), head=dict(in_channels=16, map_layers=2)),
        'scm',
    ),
    'conformer': Case(
        'scm_conformer-s_cub',
        dict(
            backbone=dict(
                arch=dict(
                    embed_dims=16, depths=3, num_heads=2, channel_ratio=0.25
                ),
                base_channels=64,
                mlp_ratio=2,
            ),
            head=dict(in_channels=(64, 16)),
        ),
    ),
    'timm': Case('scm_dinov2-s_cub', TINY_TIMM, needs='timm', grid=(16, 16)),
    'trilite': Case(
        'trilite_dinov2-s_cub',
        dict(
            backbone=dict(arch=VIT, img_size=224, frozen_stages=2),
            head=dict(in_channels=16),
        ),
        grid=(32, 32),
    ),
    'cam': Case('cam_resnet50_cub', TINY_CNN),
    'cam_timm': Case(
        'cam_resnet50_cub',
        dict(
            backbone=dict(
                _delete_=True,
                type='TIMMBackbone',
                model_name='test_efficientnet',
            ),
            head=dict(in_channels=256),
        ),
        needs='timm',
        grid=(7, 7),
    ),
    'attention': Case('attention_deit-s_cub', TINY_VIT),
    'rollout': Case('rollout_deit-s_cub', TINY_VIT, 'attention'),
    'legrad': Case('legrad_deit-s_cub', TINY_VIT, 'attention'),
    'principal_component': Case(
        'pca_dinov2-s_cub', TINY_TIMM, needs='timm', grid=(16, 16)
    ),
    'gradcam': Case(
        'gradcam_resnet50_cub',
        TINY_CNN,
        'cam',
        needs='pytorch_grad_cam',
        grid=(224, 224),
    ),
    'gradcam_vit': Case(
        'gradcam_deit-s_cub',
        dict(TINY_VIT, cam=dict(target_layers=['backbone.layers.1.ln1'])),
        'attention',
        needs='pytorch_grad_cam',
        grid=(224, 224),
    ),
}


class Bench:
    """Small data, and the tools on it."""

    def __init__(self, folder, configs, monkeypatch):
        self.folder, self.configs = folder, configs
        self.patch = monkeypatch
        draw_cub(folder / 'data', train=TRAIN, test=TEST)

    def config(self, name, case=None, **dataset):
        """The config of a method, its model small, on the drawn data."""
        case = CASES[name] if case is None else case
        model = dict(case.small)
        model['backbone'] = dict(model['backbone'], init_cfg=None)
        model['head'] = dict(model.get('head', {}), num_classes=3)
        loader = dict(
            batch_size=3,
            num_workers=0,
            persistent_workers=False,
            dataset=dict(dataset, data_root=str(self.folder / 'data')),
        )
        stages = ('train', 'val', 'test')
        options = {f'{stage}_dataloader': loader for stage in stages}
        path = self.folder / f'{name}.py'
        write_child_config(
            path,
            self.configs / f'{case.config}.py',
            dict(
                options,
                model=model,
                data_preprocessor=dict(num_classes=3),
                train_cfg=dict(max_epochs=1),
            ),
        )
        return path

    def tool(self, name, *arguments):
        with self.patch.context() as patch:
            patch.setattr(sys, 'argv', [f'{name}.py', *map(str, arguments)])
            run_upstream_tool(name)

    def checkpoint(self, name):
        """Trained, once."""
        work = self.folder / name
        path = work / 'epoch_1.pth'
        if not path.is_file():
            options = ['--work-dir', work, '--no-validate']
            self.tool('train', self.config(name), *options)
        return path


@pytest.fixture(scope='module')
def bench(tmp_path_factory, repo):
    with pytest.MonkeyPatch.context() as patch:
        yield Bench(tmp_path_factory.mktemp('bench'), repo / 'configs', patch)


@pytest.mark.parametrize('name', CASES)
def test_train_test_localize_and_report(bench, name):
    case = CASES[name]
    if case.needs:
        pytest.importorskip(case.needs)
    config = bench.config(name)
    checkpoint = bench.checkpoint(case.weights or name)

    out = bench.folder / f'{name}.pkl'
    work = bench.folder / name
    bench.tool('test', config, checkpoint, '--work-dir', work, '--out', out)
    samples = pickle.loads(out.read_bytes())
    assert len(samples) == TEST
    for sample in samples:
        assert sample['score_maps'].shape == (3, *case.grid)

    results = bench.folder / f'{name}-results'
    picture = bench.folder / 'data/images/002.color1/0004.png'
    run_command(
        'localize',
        [
            str(picture),
            '--model',
            str(config),
            '--checkpoint',
            str(checkpoint),
            '--out',
            str(results),
        ],
    )
    (found,) = [
        sample
        for sample in samples
        if sample['img_path'].endswith(picture.name)
    ]
    boxes = json.loads((results / 'results.json').read_text())
    x, y, width, height = boxes['annotations'][0]['bbox']
    expected = found['pred_instances']['bboxes'][0].tolist()
    assert [x, y, x + width, y + height] == pytest.approx(expected, abs=1.0)

    page = bench.folder / f'{name}.html'
    build_report([out], page, names=[name])
    assert name in page.read_text('utf-8')


def draw_masks(data):
    """Rectangles: as CUB's segmentations, and in OpenImages' lists."""
    tables = [
        [line.split() for line in (data / f'{name}.txt').open()]
        for name in ('images', 'image_class_labels', 'bounding_boxes')
    ]
    lists = {'image_ids': [], 'class_labels': [], 'localization': []}
    for (_, name), (_, label), box in list(zip(*tables, strict=True))[TRAIN:]:
        x, y, width, height = (int(float(number)) for number in box[1:])
        mask = np.zeros((80, 100), np.uint8)
        mask[y : y + height, x : x + width] = 255
        image = data / 'images' / name
        found = data / 'segmentations' / name
        found.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(found), mask)
        copy = data / 'test' / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, copy)
        cv2.imwrite(str(copy.with_suffix('.m.png')), mask)
        cv2.imwrite(str(copy.with_suffix('.ignore.png')), mask * 0)
        listed = f'test/{name}'
        stem = listed.removesuffix('.png')
        lists['image_ids'].append(listed)
        lists['class_labels'].append(f'{listed},{int(label) - 1}')
        lists['localization'].append(
            f'{listed},{stem}.m.png,{stem}.ignore.png'
        )
    folder = data / 'metadata' / 'test'
    folder.mkdir(parents=True)
    for name, lines in lists.items():
        (folder / f'{name}.txt').write_text('\n'.join(lines))


def test_pixel_figures_of_a_model_in_the_same_table(bench):
    """CUB's segmentations and OpenImages' lists of the same masks agree."""
    draw_masks(bench.folder / 'data')
    cub = bench.config('cub_masks', CASES['scm'], mask_root='segmentations')
    lists = bench.config(
        'open_images', Case('scm_deit-s_openimages', TINY_VIT)
    )
    figures = []
    for config in (cub, lists):
        out = bench.folder / f'{config.stem}.json'
        options = ['--out', out, '--out-item', 'metrics']
        work = ['--work-dir', bench.folder / config.stem]
        bench.tool('test', config, bench.checkpoint('scm'), *work, *options)
        figures.append(json.loads(out.read_text()))
        (log,) = (bench.folder / config.stem).glob('*/*.log')
        rows = [line.split()[:2] for line in log.read_text().splitlines()]
        for name in ('pxap', 'peak_pixel_iou'):
            assert ['masks', name] in rows
    names = [f'wsol/masks/{name}' for name in ('pxap', 'peak_pixel_iou')]
    for name in names:
        assert 0 < figures[0][name] <= 100
        assert figures[1][name] == pytest.approx(figures[0][name], abs=1e-9)
    assert 'wsol/wsoleval/max_box_acc' in figures[0]
    assert 'wsol/wsoleval/max_box_acc' not in figures[1]
