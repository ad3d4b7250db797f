# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The configs that are compared."""

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import DATASETS, MODELS

from projects.scm.comparison.running import (
    finished_results,
    write_child_config,
)
from projects.scm.comparison.spec import read_comparison
from projects.scm.comparison.tables import COLUMNS, mean_over_seeds

SETS = {'cub50': (50, 1500, 1389), 'imagewoof': (10, 2000, 500)}


def load(repo, method, dataset):
    return Config.fromfile(repo / f'configs/{method}_deit-t_{dataset}.py')


@pytest.mark.parametrize('dataset', SETS)
def test_methods_differ_in_the_head_alone(repo, dataset):
    tscam = load(repo, 'tscam', dataset).to_dict()
    scm = load(repo, 'scm', dataset).to_dict()
    assert scm['model']['head'].pop('type') == 'SCMHead'
    assert tscam['model']['head'].pop('type') == 'TSCAMHead'
    scm.pop('custom_hooks')
    tscam.pop('custom_hooks')
    assert scm == tscam
    assert scm['model']['head']['num_classes'] == SETS[dataset][0]
    last = scm['train_cfg']['max_epochs'] - 1
    assert scm['param_scheduler']['milestones'] == [last]
    assert scm['test_dataloader'] == scm['val_dataloader']


def test_weights_of_another_method_fit(repo, tmp_path):
    shapes = {}
    for run in read_comparison(
        repo / 'configs/comparisons/methods.yml'
    ).runs():
        file = tmp_path / f'{run.name}.py'
        write_child_config(
            file, repo / 'configs' / run.config, run.method.options
        )
        model = Config.fromfile(file).model
        if run.dataset != 'cub50' or 'cam' in model:
            continue
        if 'attention' not in (run.method.name, run.method.weights_of):
            continue
        model.backbone.init_cfg = None
        with torch.device('meta'):
            state = MODELS.build(model).state_dict()
        shapes[run.name] = {name: v.shape for name, v in state.items()}
        assert shapes[run.name] == shapes[run.trained]
    assert len(shapes) == 4


@pytest.mark.optional
@pytest.mark.parametrize('dataset', SETS)
def test_sets_are_what_the_page_says(repo, external_data, dataset):
    root = external_data / 'data' / dataset
    if not root.is_dir():
        pytest.skip(f'no {root}')
    cfg = load(repo, 'scm', dataset)
    classes, *sizes = SETS[dataset]
    for loader, size in zip(
        (cfg.train_dataloader, cfg.test_dataloader), sizes, strict=True
    ):
        built = DATASETS.build({**loader.dataset, 'data_root': str(root)})
        assert len(built) == size
        assert len(built.metainfo['classes']) == classes
        assert built[0]['data_samples'].gt_label < classes


def test_committed_results_are_those_of_the_page(repo):
    """Figures of ``docs/results.md``, from the files beside it."""
    comparison = read_comparison(repo / 'configs/comparisons/first_epoch.yml')
    folder = repo / 'docs/benchmarks/compare/first_epoch'
    results = finished_results(comparison, folder)
    assert len(results) == len(list(folder.glob('*.json'))) > 0
    page = (repo / 'docs/results.md').read_text('utf-8')
    columns = (
        'Top-1 Loc',
        'Top-5 Loc',
        'GT-known',
        'MaxBoxAcc',
        'MaxBoxAccV2',
    )
    for result in results:
        name = {'scm': 'SCM', 'tscam': 'TS-CAM'}[result.method]
        figures = [
            f'{result.last.hits(COLUMNS[head], "oracle").mean() * 100:.1f}'
            for head in columns
        ]
        assert f'| {name} | oracle | {" | ".join(figures)} |' in page


def test_committed_means_are_those_of_the_page(repo):
    name = 'real_photographs'
    comparison = read_comparison(repo / f'configs/comparisons/{name}.yml')
    folder = repo / 'docs/benchmarks/compare' / name
    results = finished_results(comparison, folder)
    assert len(results) == len(list(folder.glob('*.json'))) > 0
    page = (repo / 'docs/results.md').read_text('utf-8')
    for dataset, method, shown in (
        ('imagewoof', 'tscam', 'TS-CAM'),
        ('imagewoof', 'scm', 'SCM'),
        ('cub50', 'tscam', 'TS-CAM'),
        ('cub50', 'scm', 'SCM'),
        ('imagewoof', 'scm_plus', 'Imagewoof: scm_plus'),
        ('cub50', 'scm_plus', 'CUB-50: scm_plus'),
    ):
        runs = [
            result
            for result in results
            if (result.dataset, result.method) == (dataset, method)
        ]
        for choice, word in (('oracle', 'oracle'), ('labels', 'labels')):
            cells = [
                mean_over_seeds(runs, COLUMNS[head], choice, 'all images')
                for head in ('Top-1 Loc', 'Top-5 Loc', 'GT-known')
            ]
            figures = ' | '.join(
                f'{cell.mean:.1f}'
                + (f' ± {cell.deviation:.1f}' if len(runs) > 1 else '')
                for cell in cells
            )
            assert f'| {shown} | {word} | {figures} |' in page


def test_committed_maps_of_pretrained_weights_are_those_of_the_page(repo):
    name = 'pretrained_maps'
    comparison = read_comparison(repo / f'configs/comparisons/{name}.yml')
    results = finished_results(
        comparison, repo / 'docs/benchmarks/compare' / name
    )
    page = (repo / 'docs/methods.md').read_text('utf-8')
    shown = {
        'attention': 'attention of the last layer',
        'rollout': 'rollout',
    }
    found = {each.method: each.last for each in results}
    for method, words in shown.items():
        key, epoch = COLUMNS['MaxBoxAcc'], found[method]
        value, otsu, v2 = (
            epoch.hits(figure, choice).mean() * 100
            for figure, choice in (
                (key, 'oracle'),
                (key, 'otsu'),
                (COLUMNS['MaxBoxAccV2'], 'oracle'),
            )
        )
        threshold = epoch.threshold(key, 'oracle')
        (row,) = (
            [cell.strip() for cell in line.split('|')]
            for line in page.splitlines()
            if line.startswith(f'| {words} | DeiT-Ti')
        )
        assert row[3] == f'{value:.1f}'
        assert row[5:8] == [f'{threshold:g}', f'{otsu:.1f}', f'{v2:.1f}']
