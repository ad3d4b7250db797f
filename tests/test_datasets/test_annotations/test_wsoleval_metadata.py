# Copyright (c) SCM-WSOL contributors. All rights reserved.
from fractions import Fraction

import numpy as np
import pytest

from projects.scm.datasets.annotations import (
    read_image_ids,
    read_masks,
    read_wsoleval,
)
from projects.scm.structures import boxes_to_frame


def instance(label, *box):
    return {'bbox': list(box), 'bbox_label': label, 'ignore_flag': 0}


def test_read_wsoleval(metadata_folder):
    table = read_wsoleval(str(metadata_folder), with_boxes=True, num_classes=2)
    assert list(table) == [
        {
            'img_path': 'val/x,1.JPEG',
            'gt_label': 0,
            'width': 40,
            'height': 30,
            'instances': [instance(0, 0, 0, 40, 30)],
        },
        {
            'img_path': 'val/y.JPEG',
            'gt_label': 1,
            'width': 40,
            'height': 30,
            'instances': [
                instance(1, 1, 2, 30, 20),
                instance(1, 2, 3, 10, 11),
            ],
        },
        {
            'img_path': 'val/z.JPEG',
            'gt_label': 1,
            'width': 500,
            'height': 375,
            'instances': [instance(1, 44, 93, 499, 374)],
        },
    ]


def test_files_that_are_not_needed(metadata_folder):
    (metadata_folder / 'image_sizes.txt').unlink()
    table = read_wsoleval(str(metadata_folder), with_boxes=True)
    assert set(table[0]) == {'img_path', 'gt_label', 'instances'}
    (metadata_folder / 'localization.txt').unlink()
    table = read_wsoleval(str(metadata_folder), with_boxes=False)
    assert table[0] == {'img_path': 'val/x,1.JPEG', 'gt_label': 0}
    with pytest.raises(FileNotFoundError, match='with_boxes=False'):
        read_wsoleval(str(metadata_folder), with_boxes=True)


@pytest.mark.parametrize(
    ('name', 'old', 'new', 'message'),
    [
        ('image_ids.txt', 'y', 'z', "line 3: 'val/z.JPEG' is listed twice"),
        ('image_ids.txt', 'val/y.JPEG\n', '', 'line 3: .*not in image_ids'),
        ('class_labels.txt', ',0', ',2', 'line 2: label 2 .* 0 to 1'),
        ('class_labels.txt', ',0', ',', "line 2: label '' is not an integer"),
        ('class_labels.txt', 'z.JPEG,1', 'z.JPEG', 'fewer than 2 fields'),
        ('class_labels.txt', 'val/z.JPEG,1\n', '', '1 of 3 images'),
        ('class_labels.txt', 'val/z', 'val/y', 'line 3: .* is listed twice'),
        ('image_sizes.txt', 'val/z', 'val/y', 'line 3: .* is listed twice'),
        ('image_sizes.txt', '500,375', '500', 'line 3: .*fewer than 3 fields'),
        ('image_sizes.txt', '500,375', '500,0', 'line 3: .*500x0 is not pos'),
        ('image_sizes.txt', '\nval/z.JPEG,500,375', '', 'instance val/z.JPEG'),
        ('localization.txt', '44,', '500,', 'line 3: .*before the first'),
        ('localization.txt', '1,2,30,20', '30,2,1,20', 'line 1: .*second cor'),
        ('localization.txt', '1,2,30,20', '1,2,30', 'line 1: .*fewer than 5'),
        ('localization.txt', '2,3,10,11', '2,3,10,x', 'line 4: .*four numb'),
        (
            'localization.txt',
            'val/z',
            'val/q',
            "line 3: 'val/q.JPEG' is not",
        ),
        (
            'localization.txt',
            'val/z.JPEG,44,93,499,374\n',
            '',
            '1 of 3 images of image_ids.txt are missing, .* val/z.JPEG. A set '
            'without boxes has with_boxes=False',
        ),
    ],
)
def test_errors(metadata_folder, name, old, new, message):
    file = metadata_folder / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as info:
        read_wsoleval(str(metadata_folder), with_boxes=True, num_classes=2)
    assert str(metadata_folder) in str(info.value)


def test_a_size_of_0_by_0_is_not_known(metadata_folder):
    file = metadata_folder / 'image_sizes.txt'
    file.write_text(file.read_text().replace('500,375', '0,0'))
    table = read_wsoleval(str(metadata_folder), with_boxes=True)
    assert 'width' not in table[2]
    assert table[1]['height'] == 30
    assert table[2]['instances'] == [instance(1, 44, 93, 499, 374)]
    assert table.place(1, 1) == f'{metadata_folder}/localization.txt, line 4'
    assert table.place(1) == f'{file}, line 2'


def test_read_image_ids(metadata_folder):
    ids = read_image_ids(str(metadata_folder / 'image_ids.txt'))
    assert ids == ['val/x,1.JPEG', 'val/y.JPEG', 'val/z.JPEG']


def test_read_masks(tmp_path):
    file = tmp_path / 'localization.txt'
    index = {'val/m/a.jpg': 0, 'val/m/b.jpg': 1}
    file.write_text(
        'val/m/a.jpg,val/m/a_1.png,val/m/a_ignore.png\n'
        'val/m/a.jpg,val/m/a_2.png,\n'
        'val/m/b.jpg,val/m/b_1.png,val/m/b_ignore.png'
    )
    assert read_masks(str(file), index) == [
        (['val/m/a_1.png', 'val/m/a_2.png'], 'val/m/a_ignore.png', 0.5),
        (['val/m/b_1.png'], 'val/m/b_ignore.png', 0.5),
    ]
    for line in ('a.jpg,1,2', 'a.jpg,a.png,b.jpg', 'a.jpg,,a.png'):
        file.write_text(line)
        with pytest.raises(ValueError, match=r'line 1: a mask is not a \.png'):
            read_masks(str(file), index)
    file.write_text('a.jpg,a.png')
    with pytest.raises(ValueError, match='fewer than 3 fields'):
        read_masks(str(file), index)
    file.write_text('c.jpg,a.png,')
    with pytest.raises(ValueError, match=r'c\.jpg.*is not in image_ids'):
        read_masks(str(file), index)
    file.write_text('val/m/a.jpg,a.png,')
    with pytest.raises(ValueError, match=r'1 of 2 .*val/m/b\.jpg'):
        read_masks(str(file), index)


@pytest.mark.parametrize(('split', 'count'), [('test', 5794), ('val', 1000)])
def test_real_annotations(external_data, split, count):
    """CUB and CUBV2: every box, also in the 224 frame, is exact."""
    folder = external_data / 'metadata' / 'CUB' / split
    table = read_wsoleval(str(folder), with_boxes=True, num_classes=200)
    assert len(table) == count
    assert set(table.labels.tolist()) == set(range(200))

    def rows(name):
        lines = (folder / name).read_text().splitlines()
        return [line.split(',') for line in lines]

    sizes = {
        row[0]: [int(x) for x in row[1:]] for row in rows('image_sizes.txt')
    }
    boxes = {}
    for image, *numbers in rows('localization.txt'):
        boxes.setdefault(image, []).append([int(x) for x in numbers])
    for item in table:
        image = item['img_path']
        size = sizes[image]
        assert [item['width'], item['height']] == size
        assert [i['bbox'] for i in item['instances']] == boxes[image]
        exact = [
            [int(Fraction(x * 224, size[k % 2])) for k, x in enumerate(box)]
            for box in boxes[image]
        ]
        frame = boxes_to_frame([i['bbox'] for i in item['instances']], size)
        np.testing.assert_array_equal(frame, exact)
