# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
from mmengine.config import Config

from projects.scm.utils.config_options import (
    LOADERS,
    move_data_root,
    read_config,
    set_pixel_cache,
    training_images,
)

PHASES = [name.split('_')[0] for name in LOADERS]


def moved(path, options):
    cfg = Config.fromfile(path)
    before = cfg.get('data_root')
    cfg.merge_from_dict(options)
    move_data_root(cfg, options, before)
    return cfg


def roots(cfg):
    return [cfg[name].dataset.data_root for name in LOADERS]


@pytest.mark.parametrize(
    'name',
    [
        'scm_deit-s_cub',
        'scm_deit-t_cub',
        'tscam_deit-b_cub',
        'scm_deit-s_in1k',
        'scm_vit-h_in1k_fsdp',
        'scm_vit-demo_demo',
        'classifier_vit-demo_demo',
        'scm_deit-t-p8_tiny-cub-64px',
    ],
)
def test_one_option_moves_the_data_of_every_dataloader(name, repo):
    path = repo / 'configs' / f'{name}.py'
    old = roots(Config.fromfile(path))
    assert roots(moved(path, {'data_root': '/data/x/'})) == ['/data/x'] * 3
    assert roots(moved(path, {'train_cfg.max_epochs': 1})) == old


def test_what_is_given_by_its_own_name_stays(repo):
    path = repo / 'configs' / 'scm_deit-s_cub.py'
    own = 'val_dataloader.dataset.data_root'
    cfg = moved(path, {'data_root': '/data/x', own: '/data/y'})
    assert roots(cfg) == ['/data/x', '/data/y', '/data/x']


def test_a_child_with_a_folder_of_its_own(tmp_path, repo):
    child = tmp_path / 'child.py'
    loaders = ''.join(
        f'{phase}_dataloader = dict(dataset=dict(data_root="mine",\n'
        '    meta_root="mine/lists", data_prefix="mine2/images"))\n'
        for phase in PHASES
    )
    base = repo / 'configs' / 'scm_deit-t_cub.py'
    child.write_text(f'_base_ = {str(base)!r}\n{loaders}')
    cfg = moved(child, {'data_root': 's3://bucket/x'})
    assert roots(cfg) == ['s3://bucket/x'] * 3
    dataset = cfg.train_dataloader.dataset
    assert dataset.meta_root == 's3://bucket/x/lists'
    assert dataset.data_prefix == 'mine2/images'  # another folder


def test_nested_datasets_and_paths_built_from_the_variable(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(
        "data_root = 'data/a/'\n"
        'train_dataloader = dict(dataset=dict(datasets=[\n'
        "    dict(data_root='', prefix=dict(img=data_root + 'images')),\n"
        '    dict(ann_file=data_root + "list.txt")]))\n'
    )
    cfg = moved(config, {'data_root': 'b'})
    first, second = cfg.train_dataloader.dataset.datasets
    assert first.prefix.img == 'b/images'
    assert second.ann_file == 'b/list.txt'


def test_folders_that_differ_are_named(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(
        "train_dataloader = dict(dataset=dict(data_root='a'))\n"
        "val_dataloader = dict(dataset=dict(data_root='b'))\n"
    )
    with pytest.raises(
        ValueError,
        match=r'different folders; .*train_dataloader\.dataset\.data_root=a, '
        r'val_dataloader\.dataset\.data_root=b',
    ):
        moved(config, {'data_root': 'c'})
    config.write_text('train_dataloader = dict(dataset=dict(type="X"))\n')
    with pytest.raises(ValueError, match='no dataset of this config has one'):
        moved(config, {'data_root': 'c'})


@pytest.mark.parametrize('name', ['scm_deit-s_cub', 'scm_deit-s_in1k'])
def test_one_option_gives_every_dataset_its_pixel_cache(name, repo):
    cfg = Config.fromfile(repo / 'configs' / f'{name}.py')
    own = 'val_dataloader.dataset.pixel_cache'
    options = {'pixel_cache': 'fast', own: 'other'}
    cfg.merge_from_dict(options)
    set_pixel_cache(cfg, options)
    found = [cfg[loader].dataset.pixel_cache for loader in LOADERS]
    assert found == ['fast', 'other', 'fast']
    cfg = Config.fromfile(repo / 'configs' / f'{name}.py')
    set_pixel_cache(cfg, None)
    assert 'pixel_cache' not in cfg.train_dataloader.dataset


def test_training_pictures_as_the_test_makes_them_have_no_pixel_cache(repo):
    cfg = read_config(
        repo / 'configs' / 'tscam_deit-t_cub50.py', {'pixel_cache': 'cache'}
    )
    assert cfg.train_dataloader.dataset.pixel_cache == 'cache'
    found = training_images(cfg)
    assert 'pixel_cache' not in found
    assert found['split'] == cfg.train_dataloader.dataset.split
    steps = [step['type'] for step in found['pipeline']]
    assert 'LoadAnnotations' not in steps
    assert steps[-1] == cfg.test_dataloader.dataset.pipeline[-1]['type']


def test_datasets_of_others_have_no_pixel_cache():
    wrapped = dict(type='RepeatDataset', dataset=dict(type='CUBLocalization'))
    foreign = dict(type='CocoDataset', pipeline=[])
    cfg = Config(
        dict(
            train_dataloader=dict(dataset=wrapped),
            test_dataloader=dict(dataset=foreign),
        )
    )
    set_pixel_cache(cfg, {'pixel_cache': 'fast'})
    assert cfg.train_dataloader.dataset.dataset.pixel_cache == 'fast'
    assert 'pixel_cache' not in cfg.test_dataloader.dataset
    cfg.train_dataloader.dataset = foreign
    with pytest.raises(ValueError, match='no dataset of this config can have'):
        set_pixel_cache(cfg, {'pixel_cache': 'fast'})


def test_metafiles_are_read_for_models_alone(repo, tmp_path, monkeypatch):
    asked = []

    def search(package, name):
        asked.append(name)
        raise ValueError(name)

    name = 'mmengine.config.config._get_external_cfg_path'
    monkeypatch.setattr(name, search)
    cfg = read_config(repo / 'configs' / 'scm_deit-t_cub.py')
    assert cfg.to_dict() == Config.fromfile(cfg.filename).to_dict()
    # Only MMEngine's own reading has looked for the base config in them.
    assert asked == ['_base_/default_runtime.py']
    child = tmp_path / 'child.py'
    child.write_text("_base_ = 'mmpretrain::nobody/knows.py'\n")
    with pytest.raises(ValueError, match=r'nobody/knows\.py'):
        read_config(child)
    assert asked[1:] == ['nobody/knows.py'] * (len(asked) - 1) != []
