# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest

from projects.scm.datasets import CUBLocalization
from projects.scm.datasets.annotations import leaves_folder


@pytest.mark.parametrize(
    ('path', 'leaves'),
    [
        ('a/b.jpg', False),
        ('a..b/c...jpg', False),
        ('a/../b.jpg', False),
        ('./b.jpg', False),
        ('../b.jpg', True),
        ('a/../../b.jpg', True),
        ('a\\..\\..\\b.jpg', True),
        ('/b.jpg', True),
        ('\\\\host\\b.jpg', True),
        ('C:\\b.jpg', True),
        ('C:b.jpg', False),
        ('s3://bucket/b.jpg', True),
    ],
)
def test_paths_are_judged_by_their_text(path, leaves) -> None:
    assert leaves_folder(path) is leaves


def test_a_data_set_stays_in_its_folder(cub_root) -> None:
    listed = cub_root / 'images.txt'
    text = listed.read_text()
    first, second = text.split()[1], text.split()[3]
    outside = cub_root / 'elsewhere.jpg'
    outside.write_bytes((cub_root / 'images' / first).read_bytes())
    listed.write_text(
        text.replace(first, '../elsewhere.jpg').replace(second, str(outside))
    )
    wrong = []
    for split in ('train', 'test'):
        try:
            CUBLocalization(str(cub_root), split, with_boxes=False)
        except ValueError as error:
            wrong.append(str(error))
    told = '\n'.join(wrong)
    assert "'../elsewhere.jpg' is listed: expected a path below" in told
    assert f"'{outside}' is listed" in told
    assert 'allow_outside=True' in told
    paths = [
        dataset.get_data_info(i)['img_path']
        for split in ('train', 'test')
        for dataset in [
            CUBLocalization(
                str(cub_root), split, with_boxes=False, allow_outside=True
            )
        ]
        for i in range(len(dataset))
    ]
    assert str(outside) in paths
