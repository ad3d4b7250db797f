# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Sets on a storage that is no file system, through MMEngine's backends."""

import numpy as np
import pytest
from mmengine.dataset import default_collate
from mmengine.fileio import backends
from mmengine.fileio.backends import BaseStorageBackend, register_backend
from torch.utils.data import DataLoader

from projects.scm.datasets import CUBLocalization, ImageNetLocalization

PIPELINE = [
    {'type': 'LoadImageFromFile', 'imdecode_backend': 'pillow'},
    {'type': 'LoadAnnotations', 'with_bbox': True, 'with_label': False},
    {'type': 'Resize', 'scale': (8, 8), 'backend': 'pillow'},
    {'type': 'PackWSOLInputs'},
]


class MemoryBackend(BaseStorageBackend):
    """Objects by their name, as in an object store."""

    objects: dict[str, bytes]

    def get(self, filepath):
        if filepath not in self.objects:
            raise FileNotFoundError(filepath)
        return self.objects[filepath]

    def get_text(self, filepath, encoding='utf-8'):
        return self.get(filepath).decode(encoding)

    def exists(self, filepath):
        return filepath in self.objects or self.isdir(filepath)

    def isdir(self, filepath):
        start = filepath.rstrip('/') + '/'
        return any(name.startswith(start) for name in self.objects)

    def join_path(self, filepath, *filepaths):
        return '/'.join([filepath.rstrip('/'), *filepaths])


@pytest.fixture
def upload(monkeypatch):
    """A function that moves a folder to ``memory://bucket/``."""
    registry = backends.registry_utils
    monkeypatch.setattr(registry, 'backends', dict(registry.backends))
    monkeypatch.setattr(
        registry, 'prefix_to_backends', dict(registry.prefix_to_backends)
    )
    for name in ('backends', 'prefix_to_backends'):
        own = getattr(registry, name)
        monkeypatch.setattr('mmengine.fileio.io.' + name, own)
    monkeypatch.setattr('mmengine.fileio.io.backend_instances', {})
    MemoryBackend.objects = {}
    register_backend('memory', MemoryBackend, prefixes='memory')

    def upload(folder):
        for file in list(folder.rglob('*')):
            if file.is_file():
                name = f'memory://bucket/{file.relative_to(folder)}'
                MemoryBackend.objects[name] = file.read_bytes()
                file.unlink()
        return 'memory://bucket'

    return upload


def items(dataset, workers=0):
    loader = DataLoader(
        dataset, num_workers=workers, collate_fn=default_collate
    )
    return [
        (
            np.asarray(batch['inputs'][0]),
            batch['data_samples'][0].gt_instances.bboxes.numpy(),
            int(batch['data_samples'][0].gt_label),
        )
        for batch in loader
    ]


def assert_same(found, expected):
    assert len(found) == len(expected) > 0
    for own, other in zip(found, expected, strict=True):
        for x, y in zip(own, other, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize('workers', [0, 2])
def test_cub(cub_root, upload, workers):
    local = CUBLocalization(str(cub_root), 'test', pipeline=PIPELINE)
    expected, classes = items(local), local.metainfo['classes']
    remote = CUBLocalization(upload(cub_root), 'test', pipeline=PIPELINE)
    assert remote.metainfo['classes'] == classes
    path = remote.get_data_info(0)['img_path']
    assert path == 'memory://bucket/images/001.Sea_Bird/b.jpg'
    assert_same(items(remote, workers), expected)
    with pytest.raises(FileNotFoundError, match=r'memory://.*/images\.txt'):
        CUBLocalization('memory://bucket/none', 'test', pipeline=PIPELINE)


def test_imagenet_with_a_list(tmp_path, upload, write_image):
    for name in 'ab':
        write_image(tmp_path / 'val' / f'{name}.JPEG')
    lines = 'a.JPEG 0 1 2 30 20\nb.JPEG 1 0 0 40 30\n'
    (tmp_path / 'list.txt').write_text(lines)

    def build(root):
        return ImageNetLocalization(
            root, 'val', ann_file='list.txt', pipeline=PIPELINE
        )

    expected = items(build(str(tmp_path)))
    assert_same(items(build(upload(tmp_path))), expected)
