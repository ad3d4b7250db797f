# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The pixels and the boxes that the configs give to the model."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.models import ClsDataPreprocessor
from mmpretrain.registry import DATASETS, METRICS, TRANSFORMS
from PIL import Image

CONFIGS = ('cub_224', 'imagenet_224', 'tiny_cub_64')


@pytest.fixture
def load_config(repo):
    init_default_scope('mmpretrain')

    def load(name):
        return Config.fromfile(repo / f'configs/_base_/datasets/{name}.py')

    return load


def run(pipeline, path, **info):
    results = {'img_path': str(path), 'gt_label': 0, **info}
    for step in pipeline:
        results = TRANSFORMS.build(step)(results)
    return results


def rgb(inputs):
    """BGR (3, h, w) tensor -> RGB (h, w, 3) array."""
    return inputs.flip(0).permute(1, 2, 0).numpy()


@pytest.fixture(params=['rgb', 'grey', 'cmyk', 'turned', 'palette'])
def image_path(request, tmp_path):
    """Images of the kinds that ImageNet and CUB contain."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (37, 53, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).resize((333, 250), Image.BICUBIC)
    kind, options = request.param, {}
    if kind == 'turned':
        options['exif'] = Image.Exif()
        options['exif'][0x0112] = 6  # shown turned by a quarter
    mode = {'grey': 'L', 'cmyk': 'CMYK', 'palette': 'P'}.get(kind, 'RGB')
    path = tmp_path / ('a.png' if kind == 'palette' else 'a.jpg')
    image.convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize('name', CONFIGS)
def test_test_pixels_are_those_of_pillow(load_config, image_path, name):
    """torchvision's Resize of a PIL image is ``Image.resize``."""
    cfg = load_config(name)
    size = 64 if name == 'tiny_cub_64' else 224
    instances = [{'bbox': [0.0, 0.0, 333.0, 125.0], 'bbox_label': 0}]
    packed = run(cfg.test_pipeline, image_path, instances=instances)
    expected = Image.open(image_path).convert('RGB')
    expected = np.asarray(expected.resize((size, size), Image.BILINEAR))
    np.testing.assert_array_equal(rgb(packed['inputs']), expected)

    sample = packed['data_samples']
    assert sample.ori_shape == (250, 333)
    assert sample.img_shape == (size, size)
    np.testing.assert_allclose(
        sample.gt_instances.bboxes, [[0, 0, size, size / 2]]
    )
    assert sample.instances == instances


@pytest.mark.parametrize('name', CONFIGS)
def test_train_pixels_are_a_crop_of_pillow(load_config, image_path, name):
    cfg = load_config(name)
    whole, size = (72, 64) if name == 'tiny_cub_64' else (256, 224)
    image = Image.open(image_path).convert('RGB')
    image = np.asarray(image.resize((whole, whole), Image.BILINEAR))
    windows = {}
    for flip in (False, True):
        for y in range(whole - size + 1):
            for x in range(whole - size + 1):
                window = image[y : y + size, x : x + size]
                window = window[:, ::-1] if flip else window
                windows[window[::9, ::9].tobytes()] = (flip, y, x, window)
    np.random.seed(0)  # noqa: NPY002  the transforms draw from it
    seen = set()
    for _ in range(8):
        packed = run(cfg.train_pipeline, image_path)
        found = rgb(packed['inputs'])
        key = np.ascontiguousarray(found[::9, ::9]).tobytes()
        flip, y, x, window = windows[key]
        np.testing.assert_array_equal(found, window)
        sample = packed['data_samples']
        assert sample.flip == flip
        assert sample.img_shape == (size, size)
        assert 'gt_instances' not in sample
        seen.add((flip, y, x))
    assert len(seen) > 5
    assert {flip for flip, _, _ in seen} == {False, True}


def test_normalization_is_that_of_torchvision(load_config):
    """ToTensor, then Normalize with the means and deviations of ImageNet."""
    cfg = load_config('cub_224')
    preprocessor = ClsDataPreprocessor(**cfg.data_preprocessor)
    image = torch.randint(0, 256, (3, 5, 5), dtype=torch.uint8)  # RGB
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    expected = (image.float() / 255 - mean) / std
    found = preprocessor({'inputs': image.flip(0)[None]})['inputs'][0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_tta_gives_the_image_and_its_mirror_image(load_config, image_path):
    cfg = load_config('cub_224')
    assert cfg.tta_model.type == 'FlipTTA'
    instances = [{'bbox': [0.0, 0.0, 33.3, 125.0], 'bbox_label': 0}]
    packed = run(cfg.tta_pipeline, image_path, instances=instances)
    plain, mirrored = packed['inputs']
    torch.testing.assert_close(mirrored, plain.flip(2), rtol=0, atol=0)
    assert [s.flip for s in packed['data_samples']] == [False, True]
    found = [s.gt_instances.bboxes[0] for s in packed['data_samples']]
    torch.testing.assert_close(found[0], torch.tensor([0, 0, 22.4, 112]))
    torch.testing.assert_close(found[1], torch.tensor([201.6, 0, 224, 112]))
    single = run(cfg.test_pipeline, image_path, instances=instances)
    torch.testing.assert_close(plain, single['inputs'], rtol=0, atol=0)


@pytest.mark.parametrize('name', CONFIGS)
def test_test_and_validation_are_the_same(load_config, name):
    cfg = load_config(name)
    assert cfg.test_dataloader == cfg.val_dataloader
    assert cfg.test_evaluator == cfg.val_evaluator
    assert cfg.val_dataloader.dataset.pipeline == cfg.test_pipeline
    assert cfg.train_dataloader.dataset.pipeline == cfg.train_pipeline
    assert cfg.train_dataloader.dataset.split == 'train'
    assert cfg.train_dataloader.sampler.shuffle
    assert not cfg.val_dataloader.sampler.shuffle


@pytest.mark.parametrize(
    ('name', 'tscam'),
    [('cub_224', 0.1), ('imagenet_224', 0.12), ('tiny_cub_64', 0.1)],
)
def test_evaluators_build(load_config, name, tscam):
    metric = METRICS.build(load_config(name).val_evaluator)
    names = [protocol.name for protocol in metric.plan.protocols]
    assert names == ['scm', 'wsoleval', 'tscam']
    assert metric.plan.choices[2].value == tscam


@pytest.mark.parametrize('name', ['cub_224', 'tiny_cub_64'])
def test_datasets_build_from_the_configs(load_config, cub_root, name):
    cfg = load_config(name)
    for phase, count in (('train', 0), ('val', 1)):
        dataset_cfg = cfg[f'{phase}_dataloader'].dataset
        dataset_cfg.data_root = str(cub_root)
        dataset = DATASETS.build(dataset_cfg)
        assert dataset.CLASSES == ('Sea_Bird', 'Tern')
        sample = dataset[0]['data_samples']
        boxes = sample.get('gt_instances', {'bboxes': []})['bboxes']
        assert len(boxes) == count


def test_imagenet_builds_from_the_config(load_config, tmp_path, write_image):
    root = tmp_path / 'imagenet'
    name = 'n01751748/ILSVRC2012_val_00000001.JPEG'
    for split in ('train', 'val'):
        write_image(root / split / name)
    (root / 'meta').mkdir()
    (root / 'meta' / 'train.txt').write_text(f'{name} 65\n')
    (root / 'meta' / 'val_folder_new.txt').write_text(f'{name} 65 1 2 30 20\n')
    cfg = load_config('imagenet_224')
    assert cfg.data_preprocessor.num_classes == 1000
    for phase in ('train', 'val'):
        dataset_cfg = cfg[f'{phase}_dataloader'].dataset
        dataset_cfg.data_root = str(root)
        dataset = DATASETS.build(dataset_cfg)
        assert dataset[0]['inputs'].shape == (3, 224, 224)
        assert dataset[0]['data_samples'].gt_label == 65
        assert len(dataset.CLASSES) == 1000
