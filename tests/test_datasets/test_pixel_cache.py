# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Cached pixels are those of the pipeline, or are refused in words."""

import copy
import pickle
import runpy
import shutil
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.registry import DATASETS
from PIL import Image

from projects.scm.datasets import pixel_cache as module
from projects.scm.datasets.pixel_cache import PixelCache, PixelCacheError
from projects.scm.datasets.seeding import DrawnIndex, SeededDataset

LOADERS = ('train_dataloader', 'test_dataloader')


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


@pytest.fixture
def cfg(repo, cub_root):
    """The real pipelines of CUB, on four pictures."""
    cfg = Config.fromfile(repo / 'configs/_base_/datasets/cub_224.py')
    turned = Image.Exif()
    turned[0x0112] = 6
    picture = cub_root / 'images/002.Tern/d.jpg'
    with Image.open(picture) as image:
        image.load()
        image.save(picture, exif=turned)
    for name in (*LOADERS, 'val_dataloader'):
        cfg[name].dataset.data_root = str(cub_root)
    return cfg


@pytest.fixture
def make(repo, tmp_path, cfg, monkeypatch):
    """Run the tool on the config; gives the folder of the caches."""

    def run(*options):
        cfg.dump(tmp_path / 'config.py')
        monkeypatch.setattr(
            sys,
            'argv',
            ['make_pixel_cache.py', str(tmp_path / 'config.py')]
            + ['--out', str(tmp_path / 'cache'), '--workers', '2', *options],
        )
        tool = repo / 'tools/dataset_converters/make_pixel_cache.py'
        runpy.run_path(str(tool), run_name='__main__')
        return tmp_path / 'cache'

    monkeypatch.setattr(module, 'SHARD_BYTES', 256 * 256 * 3)  # an image
    return run


def build(cfg, name, **options):
    return DATASETS.build({**cfg[name].dataset, **options})


def same(first, second):
    assert torch.equal(first['inputs'], second['inputs'])
    one, other = first['data_samples'], second['data_samples']
    assert set(one.keys()) == set(other.keys())
    assert set(one.metainfo_keys()) == set(other.metainfo_keys())
    for key in one.metainfo_keys():
        assert getattr(one, key) == getattr(other, key), key
        assert type(getattr(one, key)) is type(getattr(other, key)), key
    if 'gt_instances' in one:
        for key in ('bboxes', 'labels'):
            found = getattr(other.gt_instances, key)
            assert torch.equal(getattr(one.gt_instances, key), found)


def test_samples_are_the_same_to_the_last_bit(cfg, make):
    folder = make()
    for name in LOADERS:
        plain = build(cfg, name)
        cached = build(cfg, name, pixel_cache=str(folder))
        for epoch in range(3):  # seeded: crops and flips are the same
            for index in range(len(plain)):
                drawn = DrawnIndex(index, epoch, 5 * index)
                same(
                    SeededDataset(plain, 7)[drawn],
                    SeededDataset(cached, 7)[drawn],
                )
    assert cached[1]['data_samples'].num_cut_boxes == 0
    far = cached[0]['data_samples'].gt_instances.bboxes.max()
    assert far == pytest.approx(39 / 40 * 224)  # the last of 40 columns
    assert cached[0]['data_samples'].ori_shape == (30, 40)


def test_boxes_that_are_cut_or_moved_are_the_same(cfg, make, cub_root):
    lines = (cub_root / 'bounding_boxes.txt').read_text()
    lines = lines.replace('2 0.0 0.0 40.0', '2 3.0 0.0 40.0')  # leaves by 3
    (cub_root / 'bounding_boxes.txt').write_text(lines)
    folder = make()
    plain = build(cfg, 'test_dataloader')
    cached = build(cfg, 'test_dataloader', pixel_cache=str(folder))
    same(plain[0], cached[0])
    assert cached[0]['data_samples'].num_cut_boxes == 1
    pipeline = cached.pipeline
    info = plain.get_data_info(0)
    info.update(width=80, height=60)  # annotated at twice the size
    moved = pipeline(copy.deepcopy(info))
    same(plain.pipeline(copy.deepcopy(info)), moved)
    assert moved['data_samples'].num_moved_boxes == 1


def test_samples_may_be_changed_and_the_cache_stays(cfg, make):
    folder = make()
    cached = build(cfg, 'train_dataloader', pixel_cache=str(folder))
    loader = cached.pipeline.transforms[0]
    image = loader(cached.get_data_info(0))['img']
    before = image.copy()
    image[:] = 0
    again = loader(cached.get_data_info(0))['img']
    np.testing.assert_array_equal(again, before)
    other = pickle.loads(pickle.dumps(cached))  # as for a spawned worker
    found = other.pipeline.transforms[0](other.get_data_info(0))['img']
    np.testing.assert_array_equal(found, before)


def test_other_orders_parts_and_places_of_the_set_use_it(
    cfg, make, cub_root, tmp_path
):
    folder = make()
    moved = tmp_path / 'elsewhere'
    shutil.move(cub_root, moved)
    options = dict(pixel_cache=str(folder), data_root=str(moved))
    plain = build(cfg, 'test_dataloader', data_root=str(moved))
    part = build(cfg, 'test_dataloader', **options, indices=[1])
    assert len(part) == 1
    assert torch.equal(plain[1]['inputs'], part[0]['inputs'])


def test_interrupted_making_goes_on(cfg, make, cub_root, capsys):
    broken = cub_root / 'images/002.Tern/c.jpg'  # the second of training
    content = broken.read_bytes()
    broken.write_bytes(content[:100])
    with pytest.raises(SystemExit, match=r'c\.jpg: \w+'):
        make()
    folder = next((cub_root.parent / 'cache').glob('256x256-*'))
    (kept,) = folder.glob('*.pixels')
    modified = kept.stat().st_mtime_ns
    with pytest.raises(PixelCacheError, match=r'lacks 1 of 2 .*c\.jpg.*goes'):
        build(cfg, 'train_dataloader', pixel_cache=str(folder.parent))
    broken.write_bytes(content)
    (folder / f'{"0" * 16}.pixels').write_bytes(b'half')  # killed in between
    make()
    assert kept.stat().st_mtime_ns == modified
    assert '2 images, 1 of them new' in capsys.readouterr().out
    build(cfg, 'train_dataloader', pixel_cache=str(folder.parent))
    make('--check')
    assert '2 images, 0 of them new' in capsys.readouterr().out
    assert len(list(folder.glob('*.pixels'))) == 2  # the half one has gone


@pytest.mark.parametrize('damage', ['cut', 'gone', 'index'])
def test_damage_that_shows_is_named_and_mended(cfg, make, damage, capsys):
    folder = make()
    capsys.readouterr()
    file = sorted(folder.glob('224x224-*/*.pixels'))[0]
    index = file.with_name(file.stem + '.index.npz')
    if damage == 'cut':
        file.write_bytes(file.read_bytes()[:-1])
    elif damage == 'gone':
        file.unlink()
    else:
        index.write_bytes(index.read_bytes()[:-40])
    name = index.name if damage == 'index' else file.name
    with pytest.raises(PixelCacheError, match=rf'{name}.*CONFIG --out'):
        build(cfg, 'test_dataloader', pixel_cache=str(folder))
    make()
    assert '2 images, 1 of them new' in capsys.readouterr().out
    same(
        build(cfg, 'test_dataloader')[0],
        build(cfg, 'test_dataloader', pixel_cache=str(folder))[0],
    )


def test_check_finds_a_changed_bit(cfg, make, capsys):
    folder = make()
    capsys.readouterr()
    file = sorted(folder.glob('256x256-*/*.pixels'))[0]
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    make('--check')
    out = ' '.join(capsys.readouterr().out.split())
    assert 'expected SHA-256' in out
    assert '2 images, 1 of them new' in out
    assert file.read_bytes() != content


def test_other_settings_are_refused_in_words(cfg, make, tmp_path):
    folder = make()
    changed = copy.deepcopy(cfg)
    pipeline = changed.test_dataloader.dataset.pipeline
    (resize,) = (step for step in pipeline if step.type == 'Resize')
    resize.interpolation = 'bicubic'
    with pytest.raises(PixelCacheError, match=r'bicubic.*has .*bilinear'):
        build(changed, 'test_dataloader', pixel_cache=str(folder))
    resize.keep_ratio = True
    with pytest.raises(ValueError, match=r'keep_ratio=False.*found Resize'):
        build(changed, 'test_dataloader', pixel_cache=str(folder))
    pipeline.insert(1, dict(type='RandomFlip', prob=0.5))
    with pytest.raises(ValueError, match='found RandomFlip'):
        build(changed, 'test_dataloader', pixel_cache=str(folder))
    with pytest.raises(PixelCacheError, match='has none'):
        build(cfg, 'test_dataloader', pixel_cache=str(tmp_path / 'none'))
    (file,) = folder.glob('224x224-*/settings.json')
    file.write_text(file.read_text().replace('pillow', 'cv2'))
    with pytest.raises(
        PixelCacheError, match=r"settings\.json: expected .*'c"
    ):
        build(cfg, 'test_dataloader', pixel_cache=str(folder))


def test_replaced_images_are_refused(cfg, make, cub_root, write_image):
    folder = make()
    picture = cub_root / 'images/002.Tern/d.jpg'
    original = picture.read_bytes()
    for seed, width in ((4, 44), (99, 40)):  # other size; other pixels
        write_image(picture, width=width, seed=seed)
        with pytest.raises(PixelCacheError, match=r'd\.jpg: is .*changed'):
            build(cfg, 'test_dataloader', pixel_cache=str(folder))
    picture.write_bytes(original)
    (cub_root / 'images/002.Tern/c.jpg').rename(cub_root / 'new.jpg')
    lines = (cub_root / 'images.txt').read_text()
    (cub_root / 'images.txt').write_text(lines.replace('Tern/c', 'Tern/e'))
    with pytest.raises(PixelCacheError, match=r'lacks 1 of 2 .*e\.jpg'):
        build(cfg, 'train_dataloader', pixel_cache=str(folder))


def test_full_disk_and_wrong_pixels(tmp_path, monkeypatch):
    cache = PixelCache(tmp_path, {'size': (4, 2)})
    keys = module.image_keys(['/data/a.jpg', '/data/b.jpg'], '/data/')
    assert len(set(keys.tolist())) == 2
    again = module.image_keys(['x/b.jpg', 'a.jpg'], 'x')
    np.testing.assert_array_equal(again, keys[::-1])
    with pytest.raises(PixelCacheError, match=r'a: expected .*\(2, 4, 3\)'):
        cache.add('ab', keys, lambda path: (np.zeros((4, 2, 3), 'u1'), (1, 1)))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(
        module.shutil, 'disk_usage', lambda path: usage._replace(free=47)
    )
    with pytest.raises(PixelCacheError, match='2 images need'):
        cache.add('ab', keys, lambda path: None)


def test_a_damaged_index_is_named(tmp_path):
    """Whichever byte it is."""
    file = tmp_path / 'a.npz'
    rows = dict(keys=np.zeros(1, '<u8'), sizes=np.zeros((1, 2), '<i4'))
    np.savez(file, sha256=np.zeros(1, 'S64'), **rows)
    content = file.read_bytes()
    messages = []
    for place in range(0, len(content), 2):
        damaged = bytearray(content)
        damaged[place] ^= 16
        file.write_bytes(damaged)
        try:
            module.read_index(file)
        except PixelCacheError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert all(message.startswith(f'{file}: ') for message in messages)
