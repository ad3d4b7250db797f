# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Annotations as people have them: what is right for each of them."""

import json
import os
import sys

import pytest
from PIL import Image

from projects.scm.datasets import CUBLocalization

CLASSES = ('fish', 'tool')
BOX = [50, 30, 100, 80]  # x, y, width, height
CORNERS = [50, 30, 150, 110]


@pytest.fixture
def photos(tmp_path):
    """Two classes of three pictures of 200x150, all of them different."""
    for number, label in enumerate(CLASSES):
        for index in range(3):
            file = tmp_path / 'photos' / label / f'{label}{index}.jpg'
            file.parent.mkdir(parents=True, exist_ok=True)
            color = (40 * index, 90 * number, 5)
            Image.new('RGB', (200, 150), color).save(file)
    return tmp_path / 'photos'


@pytest.fixture
def convert(repo, monkeypatch, capsys, photos, tmp_path):
    """Run the tool; return its output and the boxes of the test split."""
    folder = repo / 'tools' / 'dataset_converters'
    monkeypatch.syspath_prepend(str(folder))
    import to_cub_layout

    def run(*options):
        arguments = ['to_cub_layout.py', photos, tmp_path / 'out', *options]
        monkeypatch.setattr(sys, 'argv', list(map(str, arguments)))
        to_cub_layout.main()
        dataset = CUBLocalization(
            str(tmp_path / 'out'), 'test', with_boxes='--' in str(options)
        )
        boxes = [
            instance['bbox']
            for i in range(len(dataset))
            for instance in dataset.get_data_info(i).get('instances', [])
        ]
        return capsys.readouterr().out, boxes

    return run


@pytest.fixture
def refused(convert, tmp_path):
    def run(*options):
        with pytest.raises(SystemExit) as info:
            convert(*options)
        assert not (tmp_path / 'out').exists()
        return str(info.value)

    return run


def coco(path, name='{label}/{file}', image=(), annotation=(), category=str):
    """Write COCO's JSON with one box an image."""
    images, annotations = [], []
    for number, label in enumerate(CLASSES):
        for index in range(3):
            key = len(images)
            file = f'{label}{index}.jpg'
            images.append(
                {
                    'id': key,
                    'file_name': name.format(label=label, file=file),
                    'width': 200,
                    'height': 150,
                    **dict(image),
                }
            )
            annotations.append(
                {
                    'id': key,
                    'image_id': key,
                    'category_id': number,
                    'bbox': BOX,
                    **dict(annotation),
                }
            )
    names = [{'id': i, 'name': category(x)} for i, x in enumerate(CLASSES)]
    content = {
        'images': images,
        'annotations': annotations,
        'categories': names,
    }
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    'name',
    [
        '{label}/{file}',
        './{label}/{file}',
        'images/{file}',
        '{label}\\{file}',
        'images\\{file}',
        '/home/somebody/data/{label}/{file}',
        'C:\\data\\{file}',
        'IMAGES/{label}/{file}',
    ],
)
def test_names_of_images(convert, tmp_path, name):
    file = coco(tmp_path / 'a.json', name)
    assert convert('--coco', file)[1] == [CORNERS] * 2


def test_capital_letters(convert, tmp_path):
    file = coco(tmp_path / 'a.json', category=str.upper)
    file.write_text(file.read_text().replace('.jpg', '.JPG'))
    assert convert('--coco', file)[1] == [CORNERS] * 2


def test_crowds_are_told_although_no_box_is_left(refused, tmp_path):
    rle = {'size': [150, 200], 'counts': [0, 30000]}
    more = {'iscrowd': 1, 'segmentation': rle}
    message = refused('--coco', coco(tmp_path / 'a.json', annotation=more))
    assert 'an image of the test split without a box' in message
    assert 'note: 6 crowds left out' in message


def test_other_classes_are_told(refused, tmp_path):
    file = coco(tmp_path / 'a.json', category='a {}'.format)
    message = refused('--coco', file)
    assert (
        '6 boxes of other classes left out: a fish (3), a tool (3); classes '
        'here: fish, tool' in message
    )


@pytest.mark.parametrize(
    ('size', 'box'),
    [((100, 75), [25, 15, 50, 40]), ((400, 300), [100, 60, 200, 160])],
)
def test_another_size_is_scaled_and_counted(convert, tmp_path, size, box):
    image = {'width': size[0], 'height': size[1]}
    file = coco(tmp_path / 'a.json', image=image, annotation={'bbox': box})
    output, boxes = convert('--coco', file)
    assert boxes == [CORNERS] * 2
    assert '6 boxes scaled to the size of their image' in output


@pytest.mark.parametrize('option', ['--voc', '--csv'])
def test_voc_and_csv_tell_another_size_as_well(convert, tmp_path, option):
    if option == '--voc':
        size = '<size><width>400</width><height>300</height></size>'
        file = voc(tmp_path / 'xml', size)
        expected = [25, 15, 75, 55]
    else:
        lines = ['path,width,height,x0,y0,x1,y1']
        for label in CLASSES:
            lines += [f'{label}{i}.jpg,100,75,25,15,75,55' for i in range(3)]
        file = tmp_path / 'a.csv'
        file.write_text('\n'.join(lines))
        expected = CORNERS
    output, boxes = convert(option, file)
    assert boxes == [expected] * 2
    assert '6 boxes scaled to the size of their image' in output


@pytest.mark.parametrize('size', [(150, 200), (200, 100)])
def test_sizes_that_do_not_belong_together(refused, tmp_path, size):
    image = {'width': size[0], 'height': size[1]}
    message = refused('--coco', coco(tmp_path / 'a.json', image=image))
    assert (
        f'the image has 200x150 pixels, but its boxes were annotated in '
        f'{size[0]}x{size[1]} pixels' in message
    )


@pytest.mark.parametrize('size', [{}, {'width': 0, 'height': 0}])
def test_an_unknown_size_is_no_problem(convert, tmp_path, size):
    file = coco(tmp_path / 'a.json', image={'width': 0, 'height': 0, **size})
    if not size:
        content = json.loads(file.read_text())
        for image in content['images']:
            del image['width'], image['height']
        file.write_text(json.dumps(content))
    assert convert('--coco', file)[1] == [CORNERS] * 2


def test_shares_are_refused(refused, tmp_path):
    more = {'bbox': [0.25, 0.2, 0.5, 0.53]}
    message = refused('--coco', coco(tmp_path / 'a.json', annotation=more))
    assert 'are these shares of its sides, 0 to 1?' in message
    lines = [f'{x}{i}.jpg,.25,.2,.75,.73' for x in CLASSES for i in range(3)]
    file = tmp_path / 'a.csv'
    file.write_text('\n'.join(['path,x0,y0,x1,y1', *lines]))
    assert 'are these shares' in refused('--csv', file)


def test_boxes_of_the_stored_pixels_are_turned(convert, photos, tmp_path):
    """Orientation 6: stored x, y stands upright at height - y, x."""
    exif = Image.Exif()
    exif[0x0112] = 6
    for number, file in enumerate(sorted(photos.rglob('*.jpg'))):
        Image.new('RGB', (200, 150), (number, 0, 0)).save(file, exif=exif)
    output, boxes = convert('--coco', coco(tmp_path / 'a.json'))
    assert boxes == [[40, 50, 120, 150]] * 2
    assert '6 boxes turned with their image' in output


def test_over_the_edge_by_rounding(convert, tmp_path):
    more = {'bbox': [0, 100, 200, 50.00000000000003]}
    output, boxes = convert(
        '--coco', coco(tmp_path / 'a.json', annotation=more)
    )
    assert boxes == [[0, 100, 200, 150]] * 2
    assert '6 boxes cut at the edge of their image' in output


@pytest.mark.parametrize('bbox', [[], None, [1, 2, 3, '4'], [1, 2, True, 4]])
def test_all_annotations_without_a_box_are_named(refused, tmp_path, bbox):
    more = {'bbox': bbox}
    message = refused('--coco', coco(tmp_path / 'a.json', annotation=more))
    assert '8 problems' in message  # and two images without a box
    assert 'annotation 5 (id 5): bbox: expected four finite' in message


def voc(folder, size='', name='{label}', boxes=1, nested=False):
    box = (
        '<bndbox><xmin>50</xmin><ymin>30</ymin><xmax>150</xmax>'
        '<ymax>110</ymax></bndbox>'
    )
    for label in CLASSES:
        for index in range(3):
            stem = f'{label}/{index}' if nested else f'{label}{index}'
            file = folder / f'{stem}.xml'
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(
                f'<annotation>{size}<object><name>{name.format(label=label)}'
                f'</name>{box * boxes}</object></annotation>'
            )
    return folder


@pytest.mark.parametrize(
    'size',
    ['', '<size/>', '<size><width>0</width><height>0</height></size>']
    + ['<size><width>200.0</width><height>150</height></size>'],
)
def test_sizes_of_voc(convert, tmp_path, size):
    folder = voc(tmp_path / 'xml', size)
    assert convert('--voc', folder)[1] == [CORNERS] * 2


def test_other_classes_of_voc_are_told(refused, convert, tmp_path):
    message = refused('--voc', voc(tmp_path / 'xml', name='a {label}'))
    assert (
        '6 boxes of other classes left out: a fish (3), a tool (3); classes '
        'here: fish, tool' in message
    )
    for file in (tmp_path / 'xml').glob('*.xml'):
        file.write_text(file.read_text().replace('a fish', 'Fish'))
        file.write_text(file.read_text().replace('a tool', 'TOOL'))
    assert convert('--voc', tmp_path / 'xml')[1] == [CORNERS] * 2


def test_several_boxes_in_an_object(convert, tmp_path):
    folder = voc(tmp_path / 'xml', boxes=2)
    assert convert('--voc', folder)[1] == [CORNERS] * 4


def test_equal_names_in_folders(convert, photos, tmp_path):
    for file in photos.rglob('*.jpg'):
        file.rename(file.with_name(f'{file.stem[-1]}.jpg'))
    folder = voc(tmp_path / 'xml', nested=True)
    assert convert('--voc', folder)[1] == [CORNERS] * 2


def test_a_wrong_box_of_a_class_that_is_left_out(convert, tmp_path):
    folder = voc(tmp_path / 'xml')
    for file in folder.glob('*.xml'):
        flat = '<object><name>net</name><bndbox><xmin>5</xmin><ymin>5</ymin>'
        flat += '<xmax>5</xmax><ymax>9</ymax></bndbox></object></annotation>'
        file.write_text(file.read_text().replace('</annotation>', flat))
    output, boxes = convert('--voc', folder)
    assert boxes == [CORNERS] * 2
    assert '6 boxes of other classes left out: net (6)' in output


def test_wrong_files_are_all_named(refused, tmp_path):
    folder = voc(tmp_path / 'xml')
    for file in folder.glob('*.xml'):
        file.write_text(file.read_text().replace('150</xmax>', 'x</xmax>'))
    message = refused('--voc', folder)
    for label in CLASSES:
        for index in range(3):
            where = f'{label}{index}.xml, object 1: expected a number'
            assert where in message


def test_a_column_of_classes(convert, tmp_path):
    lines = [
        f'{x}{i}.jpg,{box},{y}'
        for x in CLASSES
        for i in range(3)
        for y, box in ((x, '50,30,150,110'), ('net', '1,2,3,4'))
    ]
    file = tmp_path / 'a.csv'
    file.write_text('\n'.join(['path,x0,y0,x1,y1,class', *lines]))
    output, boxes = convert('--csv', file)
    assert boxes == [CORNERS] * 2
    assert '6 boxes of other classes left out: net (6)' in output


def test_results_of_localize_are_read(convert, tmp_path):
    """results.csv of this project; pictures without a box are told."""
    header = 'path,frame,width,height,label,class,score,x0,y0,x1,y1'
    lines = [
        f'{x}/{x}{i}.jpg,,200,150,7,{x},0.5,50,30,150,110'
        for x in CLASSES
        for i in range(3)
    ]
    file = tmp_path / 'results.csv'
    file.write_text('\n'.join([header, *lines]))
    assert convert('--csv', file)[1] == [CORNERS] * 2


def test_files_that_are_no_images_are_counted(convert, photos):
    (photos / 'fish' / 'a.jfif').touch()
    (photos / 'fish' / 'b.HEIC').touch()
    for folder in (photos, photos / 'fish'):
        hidden = folder / '.ipynb_checkpoints'
        hidden.mkdir()
        Image.new('RGB', (9, 9)).save(hidden / 'fish0.jpg')
    output, _ = convert()
    assert '2 classes, 4 images to train, 2 to test' in output
    assert '2 other files left out: 1 .jfif, 1 .HEIC; taken are .jpg' in output
    assert '2 hidden files left out' in output


def test_what_is_no_picture_is_said(refused, photos):
    (photos / 'fish' / 'gone.jpg').symlink_to(photos / 'nowhere.jpg')
    (photos / 'fish' / 'page.png').write_text('<html>')
    (photos / 'fish' / 'none.png').touch()
    message = refused()
    assert '3 problems' in message
    assert 'gone.jpg: does not decode (a link to a file that does' in message
    assert 'page.png: does not decode (no picture: it is a web pa' in message
    assert 'none.png: does not decode (no picture: the file is em' in message


def test_folders_named_as_splits(convert, photos):
    (photos / 'fish').rename(photos / 'train')
    (photos / 'tool').rename(photos / 'valid')
    output, _ = convert()
    assert 'the folders train, valid became classes' in output


def test_images_in_both_splits(convert, refused, photos, tmp_path):
    second = tmp_path / 'second'
    for label in CLASSES:
        (second / label).mkdir(parents=True)
        content = (photos / label / f'{label}1.jpg').read_bytes()
        (second / label / 'other.jpg').write_bytes(content)
    message = refused('--test-images', second)
    assert message.count('the same image as') == 2
    for index in (1, 2):
        file = photos / 'fish' / f'fish{index}.jpg'
        file.write_bytes((photos / 'fish' / 'fish0.jpg').read_bytes())
    output, _ = convert()
    assert '1 images are in both splits, first' in output


def test_the_output_is_not_inside_the_input(refused, photos, monkeypatch):
    import to_cub_layout

    arguments = ['to_cub_layout.py', str(photos), str(photos / 'new')]
    monkeypatch.setattr(sys, 'argv', arguments)
    with pytest.raises(SystemExit, match=r'lies inside .* which is read'):
        to_cub_layout.main()
    assert sorted(os.listdir(photos)) == ['fish', 'tool']


def test_a_link_that_cannot_be_made(refused, monkeypatch):
    from pathlib import Path

    def hardlink_to(self, target):
        raise OSError(18, 'Invalid cross-device link', str(target))

    monkeypatch.setattr(Path, 'hardlink_to', hardlink_to)
    message = refused('--mode', 'hardlink')
    assert 'cannot be written with --mode hardlink' in message
    assert 'Invalid cross-device link' in message


def test_long_messages_are_short(refused, tmp_path):
    lines = [f'{"x" * 5000}{i}.jpg,1,2,3,4' for i in range(500)]
    file = tmp_path / 'a.csv'
    file.write_text('\n'.join(['path,x0,y0,x1,y1', *lines]))
    message = refused('--csv', file)
    summary, *rest = message.splitlines()
    assert '502 problems, all of them in ' in summary
    assert len(rest) == 10
    assert len(message) < 12_000
    listed = summary.split('all of them in ')[1].removesuffix(', the first:')
    with open(listed) as all_of_them:
        assert len(all_of_them.readlines()) == 502
    os.unlink(listed)
