# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A set with masks, such as OpenImages30k: its figures, and outlines."""

import json
import re

import cv2
import numpy as np
import pytest
from synthetic_results import dump_results, make_results, without_boxes

from projects.scm.evaluation.metrics import WSOLEvaluator
from projects.scm.reporting import build_report
from projects.scm.reporting.masks import outline


def with_masks(items, folder):
    """Each box's pixels as a mask; the picture's left column is ignored."""
    folder.mkdir()
    for item in items:
        x0, y0, x1, y1 = np.rint(item['instances'][0]['bbox']).astype(int)
        mask = np.zeros(item['ori_shape'], np.uint8)
        ignored = mask.copy()
        mask[y0:y1, x0:x1], ignored[:, :1] = 255, 255
        names = [f'{item["sample_idx"]}{end}.png' for end in ('', '_ignore')]
        for name, picture in zip(names, (mask, ignored), strict=True):
            cv2.imwrite(str(folder / name), picture)
        item['mask_files'] = dict(
            objects=[f'masks/{names[0]}'], ignored=f'masks/{names[1]}'
        )
    return items


@pytest.fixture
def items(tmp_path):
    items = make_results(tmp_path / 'pictures', 6, relative=True)
    for item in items:
        item['img_path'] = f'pictures/{item["img_path"]}'
    return with_masks(items, tmp_path / 'masks')


def data_of(page):
    text = page.read_text('utf-8')
    found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found[1]), text


@pytest.mark.parametrize('boxes', [True, False])
def test_page_has_figures_of_the_test_run_and_outlines(
    tmp_path, items, boxes, monkeypatch
):
    given = items if boxes else without_boxes(items)
    results = dump_results(tmp_path / 'scm.pkl', given)
    page = tmp_path / 'a.html'
    build_report([results, results], page, ['a', 'b'], data_root=tmp_path)
    data, text = data_of(page)
    monkeypatch.chdir(tmp_path)
    evaluator = WSOLEvaluator()
    evaluator.process(None, given)
    found = evaluator.evaluate(len(given))
    for name, key in (('PxAP', 'pxap'), ('Pixel IoU', 'peak_pixel_iou')):
        row = re.search(rf'row">{name}<.*?</tr>', text)[0]
        cells = re.findall(r'<b>(.*?)</b>', row)
        assert cells == [f'{found[f"wsol/masks/{key}"]:.2f}'] * 2
    assert ('no annotated boxes' in text) is False
    assert ('with masks, without annotated boxes' in text) is not boxes
    assert data['hasMasks']
    for (*_, path), item in zip(data['images'], items, strict=True):
        corners = np.array(re.findall(r'(\d+) (\d+)', path), int)
        height, width = item['ori_shape']
        box = np.rint(item['instances'][0]['bbox'])
        expected = box * np.tile([224 / width, 224 / height], 2)
        drawn = [*corners.min(0), *(corners.max(0) + 1)]
        np.testing.assert_allclose(drawn, expected, atol=1.5)


def test_outline_of_a_ring():
    mask = np.zeros((9, 12), np.uint8)
    mask[1:8, 2:10] = 1
    mask[3:6, 4:8] = 255
    shapes = {
        frozenset(re.findall(r'\d+ \d+', path))
        for path in outline(mask).split('Z')[:-1]
    }
    outer = frozenset({'2 1', '2 7', '9 7', '9 1'})
    assert len(shapes) == 2
    assert outer in shapes
    assert outline(np.zeros((4, 4), np.uint8)) == ''


def test_masks_that_are_not_there(tmp_path, items):
    results = dump_results(tmp_path / 'scm.pkl', items)
    other = dump_results(
        tmp_path / 'other.pkl', [i | {'mask_files': None} for i in items]
    )
    page = tmp_path / 'a.html'
    with pytest.raises(ValueError, match=r'b: .*annotation differs'):
        build_report([results, other], page, ['a', 'b'], data_root=tmp_path)
    (tmp_path / 'masks' / '3_ignore.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'3_ignore\.png: no such'):
        build_report([results], page, data_root=tmp_path)
    assert not page.exists()
