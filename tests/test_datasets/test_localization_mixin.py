# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pickle

import numpy as np
import pytest
from mmengine.dataset import BaseDataset, default_collate
from torch.utils.data import DataLoader

from projects.scm.datasets import CUBLocalization, ImageNetLocalization

LOAD = {
    'type': 'LoadImageFromFile',
    'imdecode_backend': 'pillow',
    'color_type': 'color_ignore_orientation',
}
PIPELINE = [
    LOAD,
    {'type': 'LoadAnnotations', 'with_bbox': True, 'with_label': False},
    {'type': 'Resize', 'scale': (8, 8), 'backend': 'pillow'},
    {'type': 'PackWSOLInputs'},
]


def break_image(path, how):
    content = path.read_bytes()
    if how == 'truncated':
        path.write_bytes(content[: len(content) // 2])
    elif how == 'empty':
        path.write_bytes(b'')
    elif how == 'text':
        path.write_text('<html>404</html>')


# OpenCV decodes truncated images: it fills the rest with grey.
@pytest.mark.parametrize(
    ('how', 'backend', 'workers'),
    [
        ('truncated', 'pillow', 0),
        ('truncated', 'pillow', 1),
        ('empty', 'pillow', 0),
        ('text', 'pillow', 0),
        ('empty', 'cv2', 0),
        ('text', 'cv2', 0),
    ],
)
def test_an_image_that_does_not_decode_is_named(
    cub_root, how, backend, workers
):
    image = cub_root / 'images' / '001.Sea_Bird' / 'b.jpg'
    break_image(image, how)
    load = {**LOAD, 'imdecode_backend': backend, 'color_type': 'color'}
    dataset = CUBLocalization(
        str(cub_root), 'test', pipeline=[load, *PIPELINE[1:]]
    )
    loader = DataLoader(
        dataset, num_workers=workers, collate_fn=default_collate
    )
    with pytest.raises(ValueError, match=r'image 0 of the test split') as info:
        list(loader)
    assert f'{image} (image 0' in str(info.value)


def test_serialization_is_that_of_mmengine(cub_root):
    dataset = CUBLocalization(str(cub_root), 'test', lazy_init=True)
    dataset.data_list = list(dataset.load_data_list())
    expected = BaseDataset._serialize_data(dataset)
    dataset.full_init()
    found = dataset.data_bytes, dataset.data_address
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)
    assert len(dataset.data_list) == 0


def test_a_set_that_is_not_serialized_reaches_workers(cub_root):
    """Spawned workers get it by pickle."""
    dataset = CUBLocalization(str(cub_root), 'test', serialize_data=False)
    copy = pickle.loads(pickle.dumps(dataset))
    found = [copy.get_data_info(i)['img_path'] for i in range(2)]
    folder = cub_root / 'images'
    assert found == [
        str(folder / '001.Sea_Bird/b.jpg'),
        str(folder / '002.Tern/d.jpg'),
    ]


def test_a_missing_image_is_named_with_the_layout(cub_root):
    image = cub_root / 'images' / '001.Sea_Bird' / 'b.jpg'
    image.unlink()
    dataset = CUBLocalization(str(cub_root), 'test', pipeline=PIPELINE)
    with pytest.raises(FileNotFoundError, match='a folder in the layou') as e:
        dataset[0]
    assert str(image) in str(e.value)
    assert dataset[1]['data_samples'].gt_label == 1


def test_without_boxes_the_pipeline_stays_as_it_is(cub_root):
    """Who says so gets no boxes, and nobody stops him."""
    (cub_root / 'bounding_boxes.txt').unlink()
    dataset = CUBLocalization(
        str(cub_root), 'test', pipeline=PIPELINE, with_boxes=False
    )
    sample = dataset[1]['data_samples']
    assert sample.instances == []
    assert len(sample.gt_instances) == 0
    assert dataset.metainfo['with_boxes'] is False
    with pytest.raises(FileNotFoundError, match=r'boxes\.txt.*with_boxes=F'):
        CUBLocalization(str(cub_root), 'test', pipeline=PIPELINE)


def test_the_pipeline_is_checked(cub_root):
    with pytest.raises(ValueError, match='with_boxes=False'):
        CUBLocalization(str(cub_root), 'train', pipeline=PIPELINE)
    crop = {'type': 'RandomCrop', 'crop_size': 4}
    pipeline = [*PIPELINE[:3], crop, PIPELINE[3]]
    with pytest.raises(ValueError, match='RandomCrop of MMPretrain moves'):
        CUBLocalization(str(cub_root), 'test', pipeline=pipeline)


def test_boxes_are_scaled_before_transforms_see_them(
    cub_root, metadata_folder, write_image
):
    """wsolevaluation's sizes are those of the pictures it was made of."""
    sizes = metadata_folder / 'image_sizes.txt'
    sizes.write_text(sizes.read_text().replace('40,30', '80,60'))
    write_image(cub_root / 'images' / 'val' / 'x,1.JPEG')  # 40x30
    dataset = CUBLocalization(
        str(cub_root), 'val', meta_root='../metadata', pipeline=PIPELINE
    )
    assert 'FitAnnotation()' in repr(dataset.pipeline)
    sample = dataset[0]['data_samples']
    assert sample.instances[0]['bbox'] == [0, 0, 20, 15]
    assert sample.num_moved_boxes == 1
    width, height = sample.img_shape[::-1]
    np.testing.assert_allclose(
        sample.gt_instances.bboxes.numpy(), [[0, 0, width / 2, height / 2]]
    )


def test_a_box_outside_its_image_is_named(cub_root):
    """Only the image tells; transforms would cut the box off."""
    file = cub_root / 'bounding_boxes.txt'
    file.write_text(file.read_text().replace('0.0 0.0 40', '40.0 0.0 1'))
    dataset = CUBLocalization(str(cub_root), 'test', pipeline=PIPELINE)
    with pytest.raises(ValueError, match='outside its image of 40x30') as info:
        dataset[0]
    assert f'{file}, line 2: ' in str(info.value)
    assert '001.Sea_Bird/b.jpg: box [40.0, 0.0, 41.0' in str(info.value)


def test_boxes_outside_are_named_in_every_form(
    cub_root, metadata_folder, write_image
):
    """File and line of the annotation, all boxes of an image."""
    for name in ('x,1', 'y', 'z'):
        write_image(cub_root / f'images/val/{name}.JPEG')
    sizes = metadata_folder / 'image_sizes.txt'
    (cub_root / 'list.txt').write_text(
        'val/z.JPEG 1 1 1 9 9 50 1 60 9\nval/y.JPEG 1 60 1 70 9'
    )
    (cub_root / 'plain.txt').write_text('val/y.JPEG 1\nval/z.JPEG 1')
    for name in 'yz':
        (cub_root / f'{name}.xml').write_text(
            '<annotation><object><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>'
            '<ymax>9</ymax></bndbox><bndbox><xmin>40</xmin><ymin>1</ymin>'
            '<xmax>50</xmax><ymax>9</ymax></bndbox></object></annotation>'
        )

    def found(index, **kwargs):
        kind = (
            CUBLocalization if 'meta_root' in kwargs else ImageNetLocalization
        )
        if kind is ImageNetLocalization:
            kwargs.update(data_prefix='images', classes=['a', 'b'])
        dataset = kind(str(cub_root), 'val', pipeline=PIPELINE, **kwargs)
        with pytest.raises(ValueError, match='expected') as info:
            dataset[index]
        return str(info.value)

    listed = found(0, ann_file='list.txt')
    assert f'{cub_root}/list.txt, line 1: ' in listed
    assert 'z.JPEG: box [50.0, 1.0, 60.0, 9.0] lies outside' in listed
    xml = found(1, ann_file='plain.txt', xml_root='.')
    assert f'{cub_root}/./z.xml, box 2: ' in xml
    assert 'box [40.0, 1.0, 50.0, 9.0] lies outside its image of 40x30' in xml
    sizes.write_text(sizes.read_text().replace('500,375', '500,500'))
    other = found(2, meta_root='../metadata')
    assert '/image_sizes.txt, line 3: ' in other
    assert 'annotated in 500x500 pixels' in other
    sizes.write_text(sizes.read_text().replace('500,500', '0,0'))
    unknown = found(2, meta_root='../metadata')
    assert '/localization.txt, line 3: ' in unknown
    assert 'box [44.0, 93.0, 499.0, 374.0] lies outside its image' in unknown
