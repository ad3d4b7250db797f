# Copyright (c) SCM-WSOL contributors. All rights reserved.
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_results import dump_results, make_results

from projects.scm.reporting.records import (
    align_runs,
    load_records,
)


@pytest.fixture
def items(tmp_path):
    return make_results(tmp_path / 'pictures', 5)


def test_fields_arrive_as_they_were_dumped(tmp_path, items):
    items[0]['instances'].append(
        {'bbox': [0, 0, 5, 5], 'bbox_label': 0, 'ignore_flag': 1}
    )
    records = load_records(dump_results(tmp_path / 'a.pkl', items))
    assert len(records) == 5
    for record, item in zip(records, items, strict=True):
        assert record.img_path == item['img_path']
        assert record.size_wh == item['ori_shape'][::-1]
        assert record.gt_label == int(item['gt_label'])
        assert record.pred_label == int(item['pred_label'])
        # ignored boxes are left out
        assert record.gt_bboxes.tolist() == [item['instances'][0]['bbox']]
        assert record.found.score_maps is item['score_maps'] or np.array_equal(
            record.found.score_maps, item['score_maps']
        )
        assert record.right_class == (record.gt_label == record.pred_label)


def without(field):
    return lambda item: item.pop(field)


def with_value(field, value):
    return lambda item: item.update({field: value})


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (
            without('score_maps'),
            r"missing \['score_maps'\]: .* there are \['gt_label",
        ),
        (without('img_path'), r"item 3: .*missing \['img_path'\]"),
        (with_value('ori_shape', (0, 5)), r'ori_shape: expected \(height, w'),
        (
            lambda item: item.update(
                gt_label=torch.tensor([6]), instances=[{'bbox': [1, 2, 3, 4]}]
            ),
            'one class below 6, got',
        ),
        (with_value('gt_label', torch.tensor([1, 2])), 'gt_label: expected'),
        (
            with_value('score_maps', torch.full((5, 2, 2), torch.nan)),
            'score_maps: 20 of 20 values are NaN',
        ),
        (
            with_value('score_maps', torch.ones(5, 2)),
            r'score_maps: expected numbers \(K, h, w\)',
        ),
        (
            with_value('score_map_labels', torch.arange(4)),
            r'score_maps: expected \(4, h, w\), one map for each',
        ),
        (with_value('instances', []), 'expected at least one box.*with_boxes'),
        (
            with_value('instances', [{'bbox': [1, 2, 3]}]),
            r'boxes \[x0, y0, x1, y1\], got \[\[1, 2, 3\]\]',
        ),
        (with_value('instances', [{}]), r'instances\[0\]: missing bbox'),
    ],
)
def test_wrong_fields_are_named(tmp_path, items, spoil, message):
    path = items[3]['img_path']
    spoil(items[3])
    with pytest.raises(ValueError, match=message) as caught:
        load_records(dump_results(tmp_path / 'a.pkl', items))
    assert 'a.pkl, item 3' in str(caught.value)
    if 'img_path' not in message:
        assert path in str(caught.value)


def test_a_set_without_boxes_is_read(tmp_path, items):
    bare = [dict(item, instances=[]) for item in items]
    records = load_records(dump_results(tmp_path / 'a.pkl', bare))
    assert [r.gt_bboxes.shape for r in records] == [(0, 4)] * 5


def test_the_map_of_the_true_class_is_needed(tmp_path, items):
    label = int(items[0]['gt_label'])
    labels = items[0]['score_map_labels']
    labels[labels == label] = (label + 1) % 6
    with pytest.raises(ValueError, match='no map of class 0'):
        load_records(dump_results(tmp_path / 'a.pkl', items))


def test_wrong_files_are_named(tmp_path, items):
    with pytest.raises(FileNotFoundError, match=r'none.pkl: no such file'):
        load_records(tmp_path / 'none.pkl')
    with pytest.raises(ValueError, match=r'item 5: img_path .* twice'):
        load_records(dump_results(tmp_path / 'c.pkl', [*items, items[0]]))


def test_runs_are_brought_to_one_order(tmp_path, items):
    records = load_records(dump_results(tmp_path / 'a.pkl', items))
    first, second = align_runs([records, records[::-1]], ['a', 'b'])
    assert [r.img_path for r in first] == [r.img_path for r in second]


def test_runs_on_copies_of_a_set_have_the_same_images(tmp_path, items):
    """Each ``scm-wsol train FOLDER`` has a folder of the set of its own."""
    records = load_records(dump_results(tmp_path / 'a.pkl', items))
    copies = [
        dict(item, img_path=str(Path('b', *Path(item['img_path']).parts[-2:])))
        for item in reversed(items)
    ]
    others = load_records(dump_results(tmp_path / 'b.pkl', copies))
    _, found = align_runs([records, others], ['a', 'b'])
    assert found == others[::-1]
    assert [Path(record.img_path).name for record in found] == [
        Path(record.img_path).name for record in records
    ]


def test_runs_of_other_images_are_refused(tmp_path, items):
    records = load_records(dump_results(tmp_path / 'a.pkl', items))
    with pytest.raises(ValueError, match='b: expected the 5 images of a, got'):
        align_runs([records, records[:4]], ['a', 'b'])
    truth = records[0].truth._replace(gt_label=5)
    other = [records[0]._replace(truth=truth), *records[1:]]
    with pytest.raises(ValueError, match=r'b: .*0000.png: annotation differs'):
        align_runs([records, other], ['a', 'b'])
