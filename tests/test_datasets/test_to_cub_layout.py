# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The converter, run as users run it and imported."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from projects.scm.datasets import CUBLocalization


@pytest.fixture
def converter(repo, monkeypatch):
    """The tool as a module."""
    folder = repo / 'tools' / 'dataset_converters'
    monkeypatch.syspath_prepend(str(folder))
    import to_cub_layout

    return to_cub_layout


@pytest.fixture
def convert(converter, monkeypatch):
    """Run the tool in this process; errors of users raise SystemExit."""

    def run(*args):
        arguments = ['to_cub_layout.py', *map(str, args)]
        monkeypatch.setattr(sys, 'argv', arguments)
        converter.main()

    return run


@pytest.fixture
def photographs(tmp_path, write_image):
    """Five cats (40x30, one in a subfolder) and three dogs."""
    root = tmp_path / 'photographs'
    for i in range(4):
        write_image(root / 'cat' / f'c {i}.jpg', seed=i)
    write_image(root / 'cat' / 'more' / 'c 0.jpg', seed=9)
    for i in range(3):
        write_image(root / '7.big dog' / f'd{i}.PNG', seed=20 + i)
    (root / 'cat' / 'notes.txt').write_text('not an image')
    return root


def keys(photographs):
    return sorted(
        file.relative_to(photographs).as_posix()
        for file in photographs.rglob('*')
        if file.suffix in ('.jpg', '.PNG')
    )


def boxes_of(root, split='test'):
    """Name of the image -> boxes."""
    dataset = CUBLocalization(str(root), split)
    items = [dataset.get_data_info(i) for i in range(len(dataset))]
    return {
        item['img_path'].rpartition('/')[2]: [
            instance['bbox'] for instance in item['instances']
        ]
        for item in items
    }


def write_coco(path, photographs, **changes):
    images = [
        {'id': i, 'file_name': key} for i, key in enumerate(keys(photographs))
    ]
    annotations = []
    for image in images:
        label = 1 if image['file_name'].startswith('cat') else 2
        common = {'image_id': image['id'], 'category_id': label}
        annotations += [
            {**common, 'id': len(annotations), 'bbox': [1, 2, 10.5, 12]},
            {**common, 'bbox': [3, 4, 5, 6]},
            {**common, 'bbox': [0, 0, 40, 30], 'iscrowd': 1},
            {**common, 'category_id': 3 - label, 'bbox': [0, 0, 9, 9]},
        ]
    content = {
        'images': images,
        'annotations': annotations,
        'categories': [
            {'id': 1, 'name': 'cat'},
            {'id': 2, 'name': '7.big dog'},
        ],
    }
    path.write_text(json.dumps({**content, **changes}))
    return path


def test_boxes_of_a_detector_without_classes(convert, photographs, tmp_path):
    listed = [dict(id=i, file_name=k) for i, k in enumerate(keys(photographs))]
    coco = tmp_path / 'found.json'
    content = dict(
        images=listed,
        categories=[dict(id=1, name='object')],
        annotations=[
            dict(image_id=image['id'], category_id=1, bbox=[1, 2, 3, 4])
            for image in listed
        ],
    )
    coco.write_text(json.dumps(content))
    convert(photographs, tmp_path / 'out', '--coco', coco)
    assert list(boxes_of(tmp_path / 'out').values()) == [[[1, 2, 4, 6]]] * 2


def test_command_line(repo, photographs, tmp_path):
    """The example of the tool's help, from another directory."""
    coco = write_coco(tmp_path / 'instances.json', photographs)
    tool = repo / 'tools' / 'dataset_converters' / 'to_cub_layout.py'
    command = [sys.executable, tool, 'photographs', 'out', '--coco', coco]
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert '2 classes, 6 images to train, 2 to test, 16 boxes' in result.stdout
    assert '8 crowds left out' in result.stdout
    assert '8 boxes of other classes left out' in result.stdout
    assert "data_root='out'" in result.stdout
    root = tmp_path / 'out'
    assert (root / 'classes.txt').read_text() == '1 001.big_dog\n2 002.cat\n'
    for boxes in boxes_of(root).values():
        assert boxes == [[1, 2, 11.5, 14], [3, 4, 8, 10]]
    train = CUBLocalization(str(root), 'train')
    assert train.CLASSES == ('big_dog', 'cat')
    np.testing.assert_array_equal(np.bincount(train.get_gt_labels()), [2, 4])


def test_same_seed_same_split(convert, photographs, tmp_path):
    def test_names(name, *options):
        convert(photographs, tmp_path / name, *options)
        dataset = CUBLocalization(
            str(tmp_path / name), 'test', with_boxes=False
        )
        return [
            dataset.get_data_info(i)['img_path'].rpartition('/')[2]
            for i in range(len(dataset))
        ]

    first = test_names('a')
    assert test_names('b') == first
    halves = {
        tuple(test_names(f'c{seed}', '--seed', seed, '--test-fraction', 0.5))
        for seed in range(5)
    }
    assert {len(names) for names in halves} == {4}
    assert len(halves) > 1


def test_images_and_names(convert, photographs, tmp_path):
    root = tmp_path / 'out'
    convert(photographs, root)
    names = sorted(p.name for p in (root / 'images' / '002.cat').iterdir())
    assert names == [
        'c_0.jpg',
        'c_1.jpg',
        'c_2.jpg',
        'c_3.jpg',
        'more__c_0.jpg',
    ]
    copied = (root / 'images' / '002.cat' / 'more__c_0.jpg').read_bytes()
    assert copied == (photographs / 'cat' / 'more' / 'c 0.jpg').read_bytes()
    assert not (root / 'bounding_boxes.txt').exists()
    # Readers that split lines at spaces get two fields.
    for name in ('images.txt', 'classes.txt'):
        lines = (root / name).read_text().splitlines()
        assert all(len(line.split()) == 2 for line in lines)


@pytest.mark.parametrize('mode', ['copy', 'symlink', 'hardlink'])
def test_modes(convert, photographs, tmp_path, monkeypatch, mode):
    monkeypatch.chdir(tmp_path)
    convert('photographs', 'out', '--mode', mode)
    image = tmp_path / 'out' / 'images' / '002.cat' / 'c_1.jpg'
    source = photographs / 'cat' / 'c 1.jpg'
    assert image.is_symlink() == (mode == 'symlink')
    assert image.samefile(source) == (mode != 'copy')
    assert image.read_bytes() == source.read_bytes()


def test_csv(convert, photographs, tmp_path):
    names = keys(photographs)
    file = tmp_path / 'boxes.csv'
    file.write_text(
        'path,x0,y0,x1,y1\n' + ''.join(f'{n},1,2,11,22.5\n' for n in names)
    )
    convert(photographs, tmp_path / 'a', '--csv', file)
    file.write_text(
        'x,y,width,height,path\n'
        + ''.join(f'1,2,10,20.5,"{n}"\n' for n in names)
    )
    convert(photographs, tmp_path / 'b', '--csv', file)
    expected = [[1, 2, 11, 22.5]]
    for name in ('a', 'b'):
        assert list(boxes_of(tmp_path / name).values()) == [expected] * 2


def test_voc(convert, photographs, tmp_path):
    (photographs / 'cat' / 'more' / 'c 0.jpg').unlink()
    folder = tmp_path / 'xml'
    folder.mkdir()
    for key in keys(photographs):
        label, name = key.split('/')
        corners = {'xmin': 1, 'ymin': 2, 'xmax': 30, 'ymax': 20}
        box = ''.join(f'<{tag}>{x}</{tag}>' for tag, x in corners.items())
        objects = ''.join(
            f'<object><name>{x}</name><bndbox>{box}</bndbox></object>'
            for x in (label, 'tree')
        )
        (folder / f'{name[:-4]}.xml').write_text(
            '<annotation><size><width>40</width><height>30</height></size>'
            f'{objects}</annotation>'
        )
    convert(photographs, tmp_path / 'out', '--voc', folder)
    for boxes in boxes_of(tmp_path / 'out').values():
        assert boxes == [[1, 2, 30, 20]]


def test_second_folder(convert, photographs, tmp_path, write_image):
    """Its boxes are its own, although the names are the same."""
    second = tmp_path / 'second'
    for key in ('cat/c 1.jpg', '7.big dog/d0.PNG'):
        write_image(second / key, 20, 20)
    file = tmp_path / 'boxes.csv'
    file.write_text('path,x0,y0,x1,y1\nc 1.jpg,1,2,20,4\nd0.PNG,0,0,5,5\n')
    root = tmp_path / 'out'
    convert(photographs, root, '--test-images', second, '--csv', file)
    assert boxes_of(root) == {
        'test__c_1.jpg': [[1, 2, 20, 4]],
        'test__d0.PNG': [[0, 0, 5, 5]],
    }
    assert len(CUBLocalization(str(root), 'train')) == 8
    write_image(second / 'fish' / 'f.jpg')
    with pytest.raises(SystemExit, match='one of them only: fish'):
        convert(photographs, tmp_path / 'b', '--test-images', second)


def test_turned_images_are_stored_upright(convert, tmp_path, write_image):
    root = tmp_path / 'photographs'
    for name in 'abcd':
        write_image(root / 'cat' / f'{name}.jpg')
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:, :20] = 255  # left is bright; turned by a quarter: top is bright
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(root / 'cat' / 'a.jpg', exif=exif, quality=95)
    file = tmp_path / 'boxes.csv'
    rows = [f'{n}.jpg,0,0,30,20\n' for n in 'abcd']
    rows[0] = 'a.jpg,0,0,30,40\n'  # fits the upright image only
    file.write_text('path,x0,y0,x1,y1\n' + ''.join(rows))
    out = tmp_path / 'out'
    convert(root, out, '--csv', file, '--mode', 'symlink')
    with Image.open(out / 'images' / '001.cat' / 'a.jpg') as image:
        assert image.size == (30, 40)
        assert image.getexif().get(0x0112, 1) == 1
        upright = np.asarray(image)
    assert upright[:18].min() > 200
    assert upright[22:].max() < 50
    assert (out / 'images' / '001.cat' / 'b.jpg').is_symlink()


@pytest.fixture
def refused(convert, tmp_path):
    """Run the tool; it must say what is wrong and leave nothing behind."""

    def run(message, *args):
        before = sorted(tmp_path.iterdir())
        with pytest.raises(SystemExit, match=message) as info:
            convert(*args)
        assert sorted(tmp_path.iterdir()) == before
        return str(info.value)

    return run


def test_all_problems_are_listed(refused, photographs, tmp_path):
    (photographs / 'cat' / 'c 1.jpg').write_bytes(b'')
    file = tmp_path / 'boxes.csv'
    file.write_text(
        'path,x0,y0,x1,y1\n'
        'cat/c 2.jpg,5,5,5,9\n'
        'cat/nothing.jpg,1,2,3,4\n'
        'c 0.jpg,1,2,3,4\n'
        'cat/c 3.jpg,40,0,41,30\n'
    )
    message = refused(
        'problems',
        photographs,
        tmp_path / 'out',
        '--csv',
        file,
    )
    for part in (
        'c 1.jpg: does not decode',
        f'{file}, line 2: cat/c 2.jpg: box 0 [5.0, 5.0, 5.0, 9.0] has no area',
        f'{file}, line 3: cat/nothing.jpg: there is no such image',
        f'{file}, line 4: c 0.jpg: 2 images have this name, expected a path',
        f'{file}, line 5: cat/c 3.jpg: box 0 [40.0, 0.0, 41.0, 30.0] lies '
        'outside its image',
        'an image of the test split without a box',
    ):
        assert part in message


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('file,x0,y0,x1,y1\n', r"line 1: missing .*'path'.* \['file'"),
        ('', r'line 1: missing columns .* found \[\]'),
        ('path,x0,y0,x1,y1,x0\n', r"line 1: columns 'x0' occur twice"),
        ('path,x0,y0,x1,y1\na,1,2,3\n', 'line 2: expected 5 fields'),
        ('path,x0,y0,x1,y1\na,1,2,3,z\n', "line 2: .* number, found 'z'"),
        ('path,x0,y0,x1,y1\na,1,2,3,1_0\n', "line 2: .*, found '1_0'"),
        ('path,x0,y0,x1,y1\na,1,2,3,nan\n', 'line 2: .* finite numbers'),
        ('path,x0,y0,x1,y1\n,1,2,3,4\n', 'line 2: there is no path'),
    ],
)
def test_csv_errors(refused, photographs, tmp_path, text, message):
    file = tmp_path / 'boxes.csv'
    file.write_text(text)
    out = tmp_path / 'out'
    refused(message, photographs, out, '--csv', file)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'images': []}, r'annotation 0 .*image_id: expected one of the 0 id'),
        ({'categories': []}, r'other classes left out: 1 \(13\), 2 \(11\); c'),
        ({'images': 3}, 'images: expected a list, found 3'),
        (
            {'annotations': [{'image_id': 0, 'category_id': 1}]},
            'annotation 0: bbox: expected four finite .* found None',
        ),
        (
            {'annotations': [{'image_id': '0', 'category_id': 9, 'id': 4}]},
            r'annotation 0 \(id 4\): image_id: expected one of the 8 ids 0, '
            r"1, 2, 3, 4, …, found '0'\n.*category_id: expected one of the 2 "
            r'ids 1, 2, found 9\n',
        ),
        (
            {'images': [{'id': 1, 'file_name': 'a'}] * 2},
            'image 1: id 1 is listed twice',
        ),
    ],
)
def test_coco_errors(refused, photographs, tmp_path, changes, message):
    file = write_coco(tmp_path / 'instances.json', photographs, **changes)
    refused(
        message,
        photographs,
        tmp_path / 'out',
        '--coco',
        file,
    )


def test_folder_errors(
    refused, convert, capsys, photographs, tmp_path, write_image
):
    out = tmp_path / 'out'
    refused('no such folder', tmp_path / 'x', out)
    refused('exists already', photographs, photographs)
    empty = tmp_path / 'empty'
    empty.mkdir()
    refused('no image', empty, out)
    write_image(empty / 'a.jpg')
    refused('one folder a class.* a.jpg', empty, out)
    write_image(photographs / 'cat' / 'c_0.jpg')
    refused('would both become', photographs, out)
    write_image(photographs / 'ant' / 'a.jpg')
    refused("class 'ant' has one im", photographs, out)
    with pytest.raises(SystemExit):
        convert(photographs, out, '--test-fraction', 1)
    assert '--test-fraction: expected 0 < share < 1' in capsys.readouterr().err
