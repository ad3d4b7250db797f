# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest

from projects.scm.datasets.annotations import read_image_list

# Lines 1 and 2 of TS-CAM's list.
LIST = (
    'n01751748/ILSVRC2012_val_00000001.JPEG 65 111 108 441 193\n'
    'n09193705/ILSVRC2012_val_00000002.JPEG 970 45 49 499 162 2 69 437 207'
)


@pytest.fixture
def list_file(tmp_path):
    path = tmp_path / 'val_folder_new.txt'
    path.write_text(LIST)
    return path


def test_read_image_list(list_file):
    table = read_image_list(str(list_file), with_boxes=True, num_classes=1000)
    assert list(table) == [
        {
            'img_path': 'n01751748/ILSVRC2012_val_00000001.JPEG',
            'gt_label': 65,
            'instances': [
                {
                    'bbox': [111.0, 108.0, 441.0, 193.0],
                    'bbox_label': 65,
                    'ignore_flag': 0,
                }
            ],
        },
        {
            'img_path': 'n09193705/ILSVRC2012_val_00000002.JPEG',
            'gt_label': 970,
            'instances': [
                {
                    'bbox': [45.0, 49.0, 499.0, 162.0],
                    'bbox_label': 970,
                    'ignore_flag': 0,
                },
                {
                    'bbox': [2.0, 69.0, 437.0, 207.0],
                    'bbox_label': 970,
                    'ignore_flag': 0,
                },
            ],
        },
    ]


def test_without_boxes(list_file):
    table = read_image_list(str(list_file), with_boxes=False)
    assert table[1] == {
        'img_path': 'n09193705/ILSVRC2012_val_00000002.JPEG',
        'gt_label': 970,
    }


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        (' 65 111 108 441 193', '', 'line 1: there is no label'),
        (' 65 111', ' x 111', "line 1: label 'x' is not an integer"),
        (' 970 ', ' 1000 ', 'line 2: label 1000 is out of range.* 0 to 999'),
        (' 441 193', '', 'line 1: 2 numbers follow the label'),
        (
            ' 111 108 441 193',
            '',
            'line 1: 0 numbers follow .*with_boxes=False',
        ),
        (' 2 69 437 207', ' 2', 'line 2: 5 numbers follow the label'),
        (' 2 69 437 207', ' 2 69 2 207', 'line 2: .* no area'),
        (' 441 193', ' -441 193', 'line 1: .* second corner before'),
    ],
)
def test_errors(list_file, old, new, message):
    assert old in LIST
    list_file.write_text(LIST.replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as info:
        read_image_list(str(list_file), with_boxes=True, num_classes=1000)
    assert str(list_file) in str(info.value)
    assert '<path> <label, from 0> [<x0> <y0> <x1> <y1>]' in str(info.value)


def test_an_image_listed_twice(list_file):
    """Counts twice in training; an evaluation would be of another set."""
    list_file.write_text(f'{LIST}\n{LIST}')
    assert len(read_image_list(str(list_file), with_boxes=False)) == 4
    with pytest.raises(ValueError, match=r'line 3: .* twice, first in line 1'):
        read_image_list(str(list_file), with_boxes=True)
