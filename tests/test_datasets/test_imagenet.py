# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
from mmpretrain.datasets import ImageNet
from mmpretrain.registry import DATASETS

from projects.scm.datasets import ImageNetLocalization

CLASSES = ('tench', 'goldfish')
VOC = """<annotation><size><width>40</width><height>30</height></size>
<object><name>n0</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax>
<ymax>20</ymax></bndbox></object></annotation>"""


@pytest.fixture
def root(tmp_path, write_image):
    """Two classes; lists in ``meta``, one of them with boxes."""
    root = tmp_path / 'imagenet'
    for split in ('train', 'val'):
        for folder in ('n0', 'n1'):
            for name in ('a', 'b'):
                image = f'{split}_{folder}_{name}'
                write_image(root / split / folder / f'{image}.JPEG')
                xml = root / 'Annotations' / split / f'{image}.xml'
                xml.parent.mkdir(parents=True, exist_ok=True)
                xml.write_text(VOC)
    (root / 'meta').mkdir()
    (root / 'meta' / 'boxes.txt').write_text(
        'n0/val_n0_a.JPEG 0 1 2 30 20\nn1/val_n1_b.JPEG 1 1 2 30 20 5 5 6 7\n'
    )
    return root


def load(root, split, **kwargs):
    return ImageNetLocalization(str(root), split, classes=CLASSES, **kwargs)


def test_folders_as_mmpretrain_reads_them(root):
    ours = load(root, 'train')
    theirs = ImageNet(str(root), 'train', classes=CLASSES)
    assert len(ours) == len(theirs) == 4
    assert not ours.with_boxes
    for i in range(4):
        assert ours.get_data_info(i) == theirs.get_data_info(i)


def test_list_with_boxes(root):
    dataset = DATASETS.build(
        {
            'type': 'ImageNetLocalization',
            'data_root': str(root),
            'split': 'val',
            'classes': CLASSES,
            'ann_file': 'meta/boxes.txt',
        }
    )
    assert dataset.metainfo == {
        'classes': CLASSES,
        'split': 'val',
        'with_boxes': True,
    }
    assert dataset.get_data_info(1) == {
        'img_path': str(root / 'val' / 'n1' / 'val_n1_b.JPEG'),
        'gt_label': 1,
        'instances': [
            {'bbox': [1, 2, 30, 20], 'bbox_label': 1, 'ignore_flag': 0},
            {'bbox': [5, 5, 6, 7], 'bbox_label': 1, 'ignore_flag': 0},
        ],
        'sample_idx': 1,
    }


def test_list_of_mmpretrain_is_found(root):
    (root / 'meta' / 'train.txt').write_text('n1/train_n1_a.JPEG 1\n')
    assert len(load(root, 'train')) == 1
    (root / 'meta' / 'train.txt').write_text('n1/train_n1_a.JPEG 2\n')
    with pytest.raises(ValueError, match=r'train\.txt, line 1: label 2 is'):
        load(root, 'train')


@pytest.mark.parametrize('listed', ['folders', 'list'])
def test_xml_boxes(root, listed):
    ann_file = ''
    if listed == 'list':
        ann_file = 'meta/val.txt'
        lines = [
            f'{folder}/val_{folder}_{name}.JPEG {label}\n'
            for label, folder in enumerate(('n0', 'n1'))
            for name in ('a', 'b')
        ]
        (root / ann_file).write_text(''.join(lines))
    dataset = load(root, 'val', xml_root='Annotations/val', ann_file=ann_file)
    assert len(dataset) == 4
    assert dataset.get_data_info(2) == {
        'img_path': str(root / 'val' / 'n1' / 'val_n1_a.JPEG'),
        'gt_label': 1,
        'width': 40,
        'height': 30,
        'instances': [
            {'bbox': [1, 2, 30, 20], 'bbox_label': 1, 'ignore_flag': 0}
        ],
        'sample_idx': 2,
    }


def test_xml_is_not_read_where_boxes_are_not_wanted(root):
    dataset = load(root, 'train', xml_root='Annotations/nothing')
    assert 'instances' not in dataset.get_data_info(0)


def test_metadata(root, metadata_folder):
    """Paths of wsolevaluation begin with the folder of the split."""
    dataset = load(root, 'val', meta_root=str(metadata_folder.parent))
    item = dataset.get_data_info(0)
    assert item['img_path'] == str(root / 'val' / 'x,1.JPEG')
    assert dataset.metainfo['split'] == 'imagenetv2'
    metadata_folder.rename(metadata_folder.parent / 'test')
    dataset = load(root, 'test', meta_root='../metadata')
    assert len(dataset) == 3
    # The validation set of ImageNet, under whatever name.
    assert dataset.metainfo['split'] == 'val'


def test_argument_errors(root):
    with pytest.raises(ValueError, match=r"got 'test' .*needs meta_root"):
        load(root, 'test')
    with pytest.raises(ValueError, match='meta_root lists images'):
        load(root, 'val', meta_root='x', ann_file='meta/boxes.txt')
    with pytest.raises(ValueError, match='folders have no boxes; give ann_'):
        load(root, 'val')
    (root / 'meta' / 'val.txt').write_text('n0/val_n0_a.JPEG 0\n')
    with pytest.raises(ValueError, match='0 numbers follow the label'):
        load(root, 'val')


def test_missing(root, tmp_path):
    with pytest.raises(
        FileNotFoundError, match='imagenet/train: no such folder; expected'
    ):
        load(tmp_path / 'other' / 'imagenet', 'train')
    with pytest.raises(FileNotFoundError, match=r'meta/no\.txt: no such file'):
        load(root, 'val', ann_file='meta/no.txt')
    with pytest.raises(FileNotFoundError, match=r'no such folder; .* XML'):
        load(root, 'val', xml_root='Annotations/nothing')
