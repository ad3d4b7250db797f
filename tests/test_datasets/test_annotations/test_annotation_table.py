# Copyright (c) SCM-WSOL contributors. All rights reserved.
import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.scm.datasets.annotations import AnnotationTable, BoxCollector


def make_table(rows):
    """Rows are (label, boxes, size)."""
    boxes = BoxCollector()
    # Added from the last image to the first: grouping must not mind.
    for index in reversed(range(len(rows))):
        for box in rows[index][1]:
            boxes.add(index, box)
    return AnnotationTable(
        [f'{i}.jpg' for i in range(len(rows))],
        [row[0] for row in rows],
        boxes,
        [number for row in rows for number in row[2]],
    )


def expected_item(index, row):
    label, boxes, (width, height) = row
    return {
        'img_path': f'{index}.jpg',
        'gt_label': label,
        'width': width,
        'height': height,
        'instances': [
            {'bbox': list(box), 'bbox_label': label, 'ignore_flag': 0}
            for box in boxes
        ],
    }


coordinate = st.floats(0, 1e4)
rows_strategy = st.lists(
    st.tuples(
        st.integers(0, 999),
        st.lists(st.tuples(*[coordinate] * 4), max_size=3),
        st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    ),
    max_size=20,
)


@settings(max_examples=50, deadline=None)
@given(rows=rows_strategy)
def test_items_are_what_was_put_in(rows):
    table = make_table(rows)
    expected = [expected_item(i, row) for i, row in enumerate(rows)]
    assert list(table) == expected
    assert [table[i] for i in range(len(table))] == expected
    assert table[1:7:2] == expected[1:7:2]
    assert table.without_boxes() == [
        i for i, row in enumerate(rows) if not row[1]
    ]


def test_items_across_blocks():
    rows = [(i % 7, [(i, 0, i + 1, 1)] * (i % 3), (9, 9)) for i in range(600)]
    table = make_table(rows)
    assert list(table) == [expected_item(i, row) for i, row in enumerate(rows)]
    assert table[-1] == expected_item(599, rows[-1])


def test_items_are_plain_and_independent():
    table = make_table([(3, [(1, 2, 3, 4)], (9, 9))])
    item = table[0]
    box = item['instances'][0]['bbox']
    assert type(item['gt_label']) is int
    assert type(item['width']) is int
    assert [type(x) for x in box] == [float] * 4
    box[0] = 100.0
    assert table[0]['instances'][0]['bbox'] == [1.0, 2.0, 3.0, 4.0]
    assert pickle.loads(pickle.dumps(item)) == copy.deepcopy(item)


def test_without_boxes_and_sizes():
    table = AnnotationTable(['a', 'b'], [0, 1])
    assert list(table) == [
        {'img_path': 'a', 'gt_label': 0},
        {'img_path': 'b', 'gt_label': 1},
    ]
    table.locate = lambda path: f'root/{path}'
    assert table[1]['img_path'] == 'root/b'
    with pytest.raises(IndexError):
        table[2]
    table.clear()
    assert len(table) == 0
    assert list(table) == []


def test_columns():
    table = make_table([(0, [(0, 0, 1, 1)] * 2, (5, 6)), (1, [], (7, 8))])
    np.testing.assert_array_equal(table.offsets, [0, 2, 2])
    np.testing.assert_array_equal(table.sizes, [[5, 6], [7, 8]])
    assert table.boxes.dtype == np.float64
    assert table.boxes.shape == (2, 4)
