# Copyright (c) SCM-WSOL contributors. All rights reserved.
import re

import numpy as np
import pytest
from mmpretrain.datasets import CUB
from mmpretrain.datasets.categories import CUB_CATEGORIES
from mmpretrain.registry import DATASETS

from projects.scm.datasets import CUBLocalization
from projects.scm.datasets.annotations import read_wsoleval
from projects.scm.datasets.transforms.box_checks import fit_annotation
from projects.scm.structures import boxes_to_frame


def test_same_images_and_labels_as_mmpretrain(cub_root):
    for split in ('train', 'test'):
        ours = CUBLocalization(str(cub_root), split)
        theirs = CUB(str(cub_root), split)
        assert len(ours) == len(theirs) == 2
        for i in range(2):
            expected = theirs.get_data_info(i)
            found = ours.get_data_info(i)
            assert {key: found[key] for key in expected} == expected


def test_boxes_by_split(cub_root):
    train = CUBLocalization(str(cub_root), 'train')
    assert not train.with_boxes
    assert 'instances' not in train.get_data_info(0)
    test = CUBLocalization(str(cub_root), split='test')
    assert test.get_data_info(0) == {
        'img_path': str(cub_root / 'images' / '001.Sea_Bird' / 'b.jpg'),
        'gt_label': 0,
        'instances': [
            {'bbox': [0, 0, 40, 30], 'bbox_label': 0, 'ignore_flag': 0}
        ],
        'boxes_end': 'last_pixel',
        'sample_idx': 0,
    }
    assert len(test.get_data_info(1)['instances']) == 2
    train = CUBLocalization(str(cub_root), 'train', with_boxes=True)
    assert len(train.get_data_info(0)['instances']) == 1
    (cub_root / 'bounding_boxes.txt').unlink()
    CUBLocalization(str(cub_root), 'test', with_boxes=False)
    with pytest.raises(FileNotFoundError, match=r'bounding_boxes\.txt'):
        CUBLocalization(str(cub_root), 'test')


def test_metainfo_and_names(cub_root):
    dataset = DATASETS.build(
        {
            'type': 'CUBLocalization',
            'data_root': str(cub_root),
            'split': 'test',
            'metainfo': {'extra': 1},
        }
    )
    assert dataset.metainfo == {
        'classes': ('Sea_Bird', 'Tern'),
        'split': 'test',
        'with_boxes': True,
        'extra': 1,
    }
    named = CUBLocalization(str(cub_root), classes=['x', 'y'])
    assert named.CLASSES == ('x', 'y')
    named = CUBLocalization(str(cub_root), metainfo={'classes': ('x', 'y')})
    assert named.CLASSES == ('x', 'y')
    lazy = CUBLocalization(str(cub_root), lazy_init=True)
    assert lazy.metainfo == {
        'classes': ('Sea_Bird', 'Tern'),
        'split': 'train',
        'with_boxes': False,
    }
    assert not lazy._fully_initialized
    (cub_root / 'classes.txt').unlink()
    assert CUBLocalization(str(cub_root)).CLASSES == CUB_CATEGORIES


def test_labels_are_checked_against_the_names(cub_root):
    with pytest.raises(ValueError, match=r'label 2 is out of range.* 1 to 1'):
        CUBLocalization(str(cub_root), classes=['x'])


def test_repr(cub_root):
    text = repr(CUBLocalization(str(cub_root), 'test'))
    for expected in ('samples: \t2', 'Split: \ttest', 'Boxes: \tloaded'):
        assert expected in text


def test_metadata(cub_root, metadata_folder):
    dataset = CUBLocalization(
        str(cub_root),
        'val',
        meta_root=str(metadata_folder.parent),
        data_prefix='CUBV2',
    )
    assert dataset.metainfo['split'] == 'val'
    item = dataset.get_data_info(0)
    assert item['img_path'] == str(cub_root / 'CUBV2' / 'val' / 'x,1.JPEG')
    assert (item['width'], item['height']) == (40, 30)
    assert item['instances'][0]['bbox'] == [0, 0, 40, 30]
    # Relative to data_root, as ann_file and data_prefix are.
    dataset = CUBLocalization(str(cub_root), 'val', meta_root='../metadata')
    assert len(dataset) == 3
    with pytest.raises(
        FileNotFoundError, match=r'/test/image_ids\.txt: no such file; a meta'
    ):
        CUBLocalization(str(cub_root), 'test', meta_root='../metadata')


def test_boxes_are_cut_when_the_image_is_read(cub_root):
    """Images are 40x30: x, y, min(x + w, 39), min(y + h, 29)."""
    lines = [
        '1 1 2 3 4',
        '2 0.0 0.0 40.0 30.0',  # to the edge
        '3 1 2 3 4',
        '4 30.0 10.0 42.0 5.5',  # 32 pixels too far
        '4 1.0 1.0 38.5 28.0',  # between the last pixel and the edge
        '4 1.0 1.0 2.0 2.0',
    ]
    (cub_root / 'bounding_boxes.txt').write_text('\n'.join(lines))
    pipeline = [{'type': 'LoadImageFromFile'}, {'type': 'PackWSOLInputs'}]
    dataset = CUBLocalization(str(cub_root), 'test', pipeline=pipeline)
    samples = [dataset[i]['data_samples'] for i in range(2)]
    boxes = [[i['bbox'] for i in sample.instances] for sample in samples]
    assert boxes == [
        [[0, 0, 39, 29]],
        [[30, 10, 39, 15.5], [1, 1, 39, 29], [1, 1, 3, 3]],
    ]
    assert [sample.num_cut_boxes for sample in samples] == [0, 1]
    lines[3] = '4 40.0 10.0 2.0 5.5'
    (cub_root / 'bounding_boxes.txt').write_text('\n'.join(lines))
    dataset = CUBLocalization(str(cub_root), 'test', pipeline=pipeline)
    with pytest.raises(
        ValueError,
        match=r'bounding_boxes\.txt, line 4: .*d\.jpg: box \[40\.0, 10\.0, '
        r'42\.0, 15\.5\] lies outside its image of 40x30',
    ):
        dataset[1]


@pytest.mark.optional
def test_the_published_boxes_are_those_of_wsolevaluation(
    external_data, tmp_path
):
    """All 5,794 of the test split, in the images and in the 224 frame."""
    metadata = external_data / 'metadata'
    for file in (metadata / 'CUB_200_2011_files').glob('*.txt'):
        (tmp_path / file.name).symlink_to(file)
    ours = CUBLocalization(str(tmp_path), 'test', data_prefix='')
    listed = {
        item['img_path']: item
        for item in read_wsoleval(
            str(metadata / 'CUB' / 'test'), with_boxes=True
        )
    }
    assert len(ours) == len(listed) == 5794
    cut = 0
    for item in (ours.get_data_info(i) for i in range(len(ours))):
        truth = listed[item['img_path'].removeprefix(f'{tmp_path}/')]
        size = truth['width'], truth['height']
        found = fit_annotation({**item, 'ori_shape': size[::-1]})
        boxes, expected = (
            [instance['bbox'] for instance in annotation['instances']]
            for annotation in (found, truth)
        )
        assert boxes == expected
        np.testing.assert_array_equal(
            boxes_to_frame(boxes, size), boxes_to_frame(expected, size)
        )
        assert item['gt_label'] == truth['gt_label']
        cut += found['num_cut_boxes']
    assert cut == 16


def test_split_errors(cub_root):
    with pytest.raises(
        ValueError, match=r"one of \['train', 'test'\], got 'val' .*CUBV2"
    ):
        CUBLocalization(str(cub_root), 'val')
    with pytest.raises(ValueError, match="'val', 'test'], got 'dev'"):
        CUBLocalization(str(cub_root), 'dev', meta_root='../metadata')


def test_missing_folder(tmp_path):
    expected = (
        f'{tmp_path}/nothing/images.txt: no such file; a folder in the '
        'layout of CUB-200-2011 holds images/<class>/<image>, images.txt'
    )
    with pytest.raises(FileNotFoundError, match=re.escape(expected)):
        CUBLocalization(f'{tmp_path}/nothing')


def test_subset_and_no_serialization(cub_root):
    whole = CUBLocalization(str(cub_root), 'test')
    last = CUBLocalization(str(cub_root), 'test', indices=[1])
    assert len(last) == 1
    assert (
        last.get_data_info(0)['img_path'] == whole.get_data_info(1)['img_path']
    )
    assert len(CUBLocalization(str(cub_root), 'test', indices=1)) == 1
    plain = CUBLocalization(str(cub_root), 'test', serialize_data=False)
    assert plain.get_data_info(1) == whole.get_data_info(1)
    np.testing.assert_array_equal(whole.get_gt_labels(), [0, 1])


def test_real_photographs(external_data):
    """Tiny ImageNet in CUB's layout: real boxes inside real images."""
    root = external_data / 'data' / 'tiny_imagenet_cub_format'
    for split, count in (('train', 3000), ('test', 600)):
        dataset = CUBLocalization(str(root), split, with_boxes=True)
        assert len(dataset) == count
        assert len(dataset.CLASSES) == 12
        assert dataset.CLASSES[0] == 'ladybug'
        labels = dataset.get_gt_labels()
        np.testing.assert_array_equal(np.bincount(labels), [count // 12] * 12)
        boxes = np.array(
            [
                dataset.get_data_info(i)['instances'][0]['bbox']
                for i in range(count)
            ]
        )
        assert boxes.min() >= 0
        assert boxes.max() <= 64
        assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_the_names_are_those_of_the_real_folders(external_data):
    """What classes.txt of CUB would give equals MMPretrain's list."""
    folder = external_data / 'metadata' / 'CUB' / 'test'
    lines = (folder / 'image_ids.txt').read_text().splitlines()
    names = sorted({line.split('/')[0] for line in lines})
    assert [re.sub(r'^\d+\.', '', x) for x in names] == list(CUB_CATEGORIES)
