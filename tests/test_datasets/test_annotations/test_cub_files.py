# Copyright (c) SCM-WSOL contributors. All rights reserved.
import re

import pytest

from projects.scm.datasets.annotations import read_class_names, read_cub


def test_read_cub(cub_root):
    root = str(cub_root)
    assert list(read_cub(root, 'train', with_boxes=False)) == [
        {'img_path': '001.Sea_Bird/a.jpg', 'gt_label': 0},
        {'img_path': '002.Tern/c.jpg', 'gt_label': 1},
    ]
    test = read_cub(root, 'test', with_boxes=True, num_classes=2)
    assert list(test) == [
        {
            'img_path': '001.Sea_Bird/b.jpg',
            'gt_label': 0,
            'instances': [
                {'bbox': [0, 0, 40, 30], 'bbox_label': 0, 'ignore_flag': 0}
            ],
            'boxes_end': 'last_pixel',
        },
        {
            'img_path': '002.Tern/d.jpg',
            'gt_label': 1,
            'instances': [
                {'bbox': [3, 4, 33, 24], 'bbox_label': 1, 'ignore_flag': 0},
                {'bbox': [1, 1, 3, 3], 'bbox_label': 1, 'ignore_flag': 0},
            ],
            'boxes_end': 'last_pixel',
        },
    ]
    # Half pixels stay half pixels.
    train = read_cub(root, 'train', with_boxes=True)
    assert train[1]['instances'][0]['bbox'] == [5.5, 6.5, 13.0, 15.0]


def test_paths_may_contain_spaces(cub_root):
    file = cub_root / 'images.txt'
    file.write_text(file.read_text().replace('d.jpg', 'd d.jpg'))
    table = read_cub(str(cub_root), 'test', with_boxes=False)
    assert table.paths[1] == '002.Tern/d d.jpg'


@pytest.mark.parametrize('name', ['images.txt', 'bounding_boxes.txt'])
def test_any_white_space_separates_fields(cub_root, name):
    expected = list(read_cub(str(cub_root), 'test', with_boxes=True))
    file = cub_root / name
    lines = file.read_text().splitlines()
    text = '\r\n'.join(f' {line}\t' for line in lines)
    file.write_text(text.replace(' ', '\t', 3).replace('4 ', '4   '))
    assert list(read_cub(str(cub_root), 'test', with_boxes=True)) == expected


@pytest.mark.parametrize(
    ('name', 'old', 'new', 'message'),
    [
        ('images.txt', '3 002', 'x 002', "line 3: id 'x' is not an integer"),
        ('images.txt', '3 002', '2 002', 'line 3: id 2 is listed twice'),
        ('images.txt', '2 001.Sea_Bird/b.jpg', '2', 'no second field'),
        ('images.txt', '4 002', '5 002', r's\.txt: no line .* instance 5'),
        ('images.txt', '/d', '/c', 'ids 3 and 4 are the same image, 002'),
        (
            'images.txt',
            '4 002.Tern/d.jpg',
            '',
            r'images\.txt: no line for 1 of the 4 image ids of image_class_',
        ),
        (
            'image_class_labels.txt',
            '4 2',
            '4 3',
            'line 4: label 3 is out of range, expected 1 to 2',
        ),
        ('image_class_labels.txt', '1 1', '1 0', 'label 0 is out of range'),
        (
            'image_class_labels.txt',
            '4 2\n',
            '',
            r'_labels\.txt: no line for 1 of the 4 .* images.txt, .* 4',
        ),
        ('image_class_labels.txt', '4 2', '4 b', "label 'b' is not an int"),
        ('train_test_split.txt', '2 0', '2 2', "flag '2' is neither 0 nor 1"),
        ('train_test_split.txt', '\n2 0', '', r'split\.txt: no line .* 2'),
        ('bounding_boxes.txt', '1 1.0 2.0', '9 1.0 2.0', 'id 9 is not in'),
        ('bounding_boxes.txt', '20.0 10.0', '20.0', 'line 1: .* four numbers'),
        ('bounding_boxes.txt', '20.0 10.0', '20.0 0', 'line 1: .* no area'),
        ('bounding_boxes.txt', '40.0', 'x', 'line 2: .* not four numbers'),
        ('bounding_boxes.txt', '3 5.5', '\n3 5.5', 'line 3: the line is e'),
        (
            'bounding_boxes.txt',
            '2 0.0 0.0 40.0 30.0\n',
            '',
            'no box for 1 of 2 images of the test split, for instance 001',
        ),
    ],
)
def test_errors(cub_root, name, old, new, message):
    file = cub_root / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as info:
        read_cub(str(cub_root), 'test', with_boxes=True, num_classes=2)
    assert str(cub_root) in str(info.value)


@pytest.mark.parametrize(
    'name',
    [
        'images.txt',
        'image_class_labels.txt',
        'train_test_split.txt',
        'bounding_boxes.txt',
    ],
)
def test_missing_file(cub_root, name):
    (cub_root / name).unlink()
    expected = f'{cub_root / name}: no such file; a folder in the layout of'
    with pytest.raises(FileNotFoundError, match=re.escape(expected)):
        read_cub(str(cub_root), 'test', with_boxes=True)


def test_boxes_are_not_read_where_not_wanted(cub_root):
    (cub_root / 'bounding_boxes.txt').unlink()
    assert len(read_cub(str(cub_root), 'test', with_boxes=False)) == 2


def test_empty_split(cub_root):
    (cub_root / 'train_test_split.txt').write_text('1 1\n2 1\n3 1\n4 1\n')
    with pytest.raises(ValueError, match='no image is in the test split'):
        read_cub(str(cub_root), 'test', with_boxes=True)


def test_read_class_names(tmp_path):
    file = tmp_path / 'classes.txt'
    file.write_text('2 002.b c\n1 a\n3 003.\n')
    assert read_class_names(str(file)) == ('a', 'b c', '003.')
    file.write_text('1 a\n3 b\n')
    with pytest.raises(ValueError, match='ids 1 to 2, found 1 to 3'):
        read_class_names(str(file))
    file.write_text('1 a\n1 b\n')
    with pytest.raises(ValueError, match=r'classes\.txt, line 2: id 1 is li'):
        read_class_names(str(file))
