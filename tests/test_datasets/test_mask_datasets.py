# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Datasets with masks: OpenImages30k, and CUB's segmentations."""

import numpy as np
import pytest
from mmpretrain.registry import DATASETS
from PIL import Image

from projects.scm.datasets import CUBLocalization, OpenImagesLocalization

IDS = ['{0}/01a/x.jpg', '{0}/01a/y.jpg', '{0}/02b/z.jpg']
LABELS = '{0}/02b/z.jpg,1\n{0}/01a/x.jpg,0\n{0}/01a/y.jpg,0'
MASKS = """val/01a/x.jpg,val/01a/x_1.png,val/01a/x_ignore.png
val/01a/x.jpg,val/01a/x_2.png,
val/02b/z.jpg,val/02b/z_1.png,val/02b/z_ignore.png
val/01a/y.jpg,val/01a/y_1.png,val/01a/y_ignore.png"""


def write_mask(path, size=(40, 30), value=255):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size[::-1], value, np.uint8)).save(path)


@pytest.fixture
def root(tmp_path, write_image):
    """Three images of two classes a split, and masks of one."""
    for split in ('train', 'val'):
        lists = tmp_path / 'metadata' / split
        lists.mkdir(parents=True)
        names = [name.format(split) for name in IDS]
        (lists / 'image_ids.txt').write_text('\n'.join(names))
        (lists / 'class_labels.txt').write_text(LABELS.format(split))
        for name in names:
            write_image(tmp_path / name)
    (tmp_path / 'metadata/val/localization.txt').write_text(MASKS)
    for line in MASKS.splitlines():
        for name in filter(None, line.split(',')[1:]):
            write_mask(tmp_path / name)
    return tmp_path


PIPELINE = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadAnnotations', 'with_bbox': True, 'with_label': False},
    {'type': 'Resize', 'scale': (8, 8)},
    {'type': 'PackWSOLInputs'},
]


def test_open_images(root):
    dataset = DATASETS.build(
        {
            'type': 'OpenImagesLocalization',
            'data_root': str(root),
            'split': 'val',
            'pipeline': PIPELINE,
        }
    )
    assert dataset.metainfo == {
        'classes': ('01a', '02b'),
        'split': 'val',
        'with_boxes': False,
    }
    assert dataset.get_data_info(0)['mask_files'] == {
        'objects': [f'{root}/val/01a/x_1.png', f'{root}/val/01a/x_2.png'],
        'ignored': f'{root}/val/01a/x_ignore.png',
        'above': 0.5,
    }
    assert dataset.get_data_info(2)['gt_label'] == 1
    sample = dataset[2]['data_samples']
    assert sample.instances == []
    assert sample.mask_files['objects'] == [f'{root}/val/02b/z_1.png']


def test_open_images_reads_its_lists_once(root, monkeypatch):
    from projects.scm.datasets import open_images

    folders, read = [], open_images.read_wsoleval
    monkeypatch.setattr(
        open_images,
        'read_wsoleval',
        lambda folder, **options: (
            folders.append(folder) or read(folder, **options)
        ),
    )
    OpenImagesLocalization(str(root), 'val')
    assert folders == [f'{root}/metadata/val']
    OpenImagesLocalization(str(root), classes=['dog', 'cat'], lazy_init=True)
    assert len(folders) == 1


def test_open_images_training(root):
    dataset = OpenImagesLocalization(str(root), classes=['dog', 'cat'])
    assert dataset.CLASSES == ('dog', 'cat')
    assert set(dataset.get_data_info(0)) == {
        'img_path',
        'gt_label',
        'sample_idx',
    }


def test_open_images_refuses(root):
    with pytest.raises(ValueError, match=r"one of .*got 'dev'"):
        OpenImagesLocalization(str(root), 'dev')
    listed = root / 'metadata/val/localization.txt'
    listed.write_text(MASKS.replace('val/01a/y_1.png', '../y.png'))
    with pytest.raises(ValueError, match=r'\.\./y\.png'):
        OpenImagesLocalization(str(root), 'val')
    listed.write_text(MASKS)
    (root / 'val/01a/x_ignore.png').unlink()
    with pytest.raises(
        FileNotFoundError, match=r'x_ignore\.png: no such mask, of val/01a/x'
    ):
        OpenImagesLocalization(str(root), 'val')


def test_cub(cub_root):
    options = {'data_root': str(cub_root), 'mask_root': 'segmentations'}
    with pytest.raises(FileNotFoundError, match=r'b\.png: no such mask, of'):
        CUBLocalization(split='test', **options)
    folder = cub_root / 'segmentations'
    write_mask(folder / '001.Sea_Bird' / 'b.png')
    write_mask(folder / '002.Tern' / 'd.png')
    dataset = CUBLocalization(split='test', **options)
    info = dataset.get_data_info(1)
    assert info['mask_files'] == {
        'objects': [str(folder / '002.Tern' / 'd.png')],
        'ignored': None,
        'above': 127,
    }
    assert len(info['instances']) == 2
    assert 'mask_files' not in CUBLocalization(**options).get_data_info(0)
